import assert from 'node:assert/strict';
import { ignoreRules } from '../../../lib/oci/docker-ignore.ts';

/** Which of these paths the rules leave out. */
const leftOut = (rules: string, paths: readonly string[]): string[] =>
  paths.filter((path) => ignoreRules(rules).leavesOut(path));

describe('.dockerignore', () => {
  it('matches from the root of the folder, and ** at any depth', () => {
    const paths = ['a.md', 'docs/a.md', 'docs/deep/a.md', 'a.txt'];
    assert.deepEqual(leftOut('*.md', paths), ['a.md']);
    assert.deepEqual(leftOut('**/*.md', paths), ['a.md', 'docs/a.md', 'docs/deep/a.md']);
    assert.deepEqual(leftOut('docs/*.md', paths), ['docs/a.md']);
    assert.deepEqual(leftOut('docs/**', paths), ['docs/a.md', 'docs/deep/a.md']);
  });

  it('leaves out all that is below a folder it names', () => {
    const paths = ['tests/a.py', 'tests/deep/b.py', 'tests2/a.py', 'src/tests/a.py'];
    for (const rule of ['tests', '/tests', './tests/', 'tests/.']) {
      assert.deepEqual(leftOut(rule, paths), ['tests/a.py', 'tests/deep/b.py'], rule);
    }
  });

  it('lets the last line that matches decide', () => {
    const paths = ['README.md', 'NOTES.md'];
    assert.deepEqual(leftOut('*.md\n!README.md', paths), ['NOTES.md']);
    assert.deepEqual(leftOut('!README.md\n*.md', paths), paths);
    assert.deepEqual(leftOut('*\n!src', ['a', 'src/b', 'src']), ['a']);
  });

  it('passes over comments and empty lines, and takes the signs of regular expressions as themselves', () => {
    assert.deepEqual(leftOut('\ufeff# *\n\n  \n a+(b).txt ', ['a+(b).txt', 'aab.txt', '# *']), ['a+(b).txt']);
    assert.deepEqual(leftOut('a?c\n[xy].py', ['abc', 'a/c', 'x.py', 'z.py']), ['abc', 'x.py']);
  });

  it('never lets the history of the sources, itself or caches of Python in', () => {
    const paths = ['.git/config', 'sub/.git', '.dockerignore', 'a/__pycache__/a.pyc', '.gitignore'];
    assert.deepEqual(leftOut('', paths), paths.slice(0, 4));
    assert.deepEqual(leftOut('!**', paths), paths.slice(0, 4));
  });

  it('closes folders that nothing can come back from', () => {
    assert.ok(ignoreRules('node_modules').closes('node_modules'));
    assert.ok(!ignoreRules('node_modules\n!node_modules/keep').closes('node_modules'));
    assert.ok(ignoreRules('!x').closes('.git'));
  });
});
