import assert from 'node:assert/strict';
import { ignoreRules } from '../../../lib/oci/docker-ignore.ts';

const MOBY: readonly (readonly [string, string, boolean])[] = [
  ['**', 'dir/file', true],
  ['**/', 'file', true],
  ['**/**', 'dir/file', true],
  ['dir/**', 'dir/file', true],
  ['dir/**', 'dir/dir2/file', true],
  ['**/dir', 'dir', true],
  ['**/dir', 'dir/file', true],
  ['**/dir2/*', 'dir/dir2/file', true],
  ['**/dir2/**', 'dir/dir2/dir3/file', true],
  ['**file', 'file', true],
  ['**file', 'dir/file', true],
  ['**/file', 'dir/file', true],
  ['**file', 'dir/dir/file', true],
  ['**file', 'dir/my-file', true],
  ['**file*', 'dir/my-file', false],
  ['a**b', 'axxb', false],
  ['a**b', 'a/x/b', true],
  ['**/file*', 'dir/dir/file.txt', true],
  ['**/file*txt', 'dir/dir/file.txt', true],
  ['**/file*.txt*', 'dir/dir/file.txt', true],
  ['**/**/*.txt', 'dir/dir/file.txt', true],
  ['**/**/*.txt2', 'dir/dir/file.txt', false],
  ['**/*.txt', 'file.txt', true],
  ['**/**/*.txt', 'file.txt', true],
  ['a**/*.txt', 'a/file.txt', true],
  ['a**/*.txt', 'a/dir/dir/file.txt', true],
  ['a/*.txt', 'a/dir/file.txt', false],
  ['a/*.txt', 'a/file.txt', true],
  ['a/*.txt**', 'a/file.txt', true],
  ['a[b-d]e', 'ae', false],
  ['a[b-d]e', 'ace', true],
  ['a[b-d]e', 'aae', false],
  ['a[^b-d]e', 'aze', true],
  ['.*', '.foo', true],
  ['.*', 'foo', false],
  ['abc.def', 'abcdef', false],
  ['abc.def', 'abcZdef', false],
  ['abc?def', 'abcZdef', true],
  ['abc?def', 'abcdef', false],
  ['a\\\\', 'a\\', true],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['**/foo/bar', 'foo/bar', true],
  ['**/foo/bar', 'dir/dir2/foo/bar', true],
  ['abc/**', 'abc', false],
  ['abc/**', 'abc/def/ghi', true],
  ['**/.foo', '.foo', true],
  ['**/.foo', 'bar.foo', false],
  ['a(b)c/def', 'a(b)c/def', true],
  ['a(b)c/def', 'a(b)c/xyz', false],
  ['a.|)$(}+{bc', 'a.|)$(}+{bc', true],
  [
    'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl',
    'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl',
    true,
  ],
  ['dist/*.whl', 'dist/proxy.py-2.4.0rc3.dev36+g08acad9-py3-none-any.whl', true],
];

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

  // The cases of moby/patternmatcher, which is what Docker reads the file with (its TestMatches).
  for (const [pattern, path, matches] of MOBY) {
    it(`reads ${pattern} as Docker does: ${path} ${matches ? 'stays out' : 'comes in'}`, () => {
      assert.equal(ignoreRules(pattern).leavesOut(path), matches);
    });
  }

  it('reads several lines as Docker does', () => {
    assert.deepEqual(leftOut('**\n!util/docker/web', ['util/docker/web/foo']), []);
    assert.deepEqual(leftOut('**\n!util/docker/web\nutil/docker/web/foo', ['util/docker/web/foo']), [
      'util/docker/web/foo',
    ]);
    assert.deepEqual(leftOut('**\n!dist/*.whl', ['dist/a-2.4.dev36+g08-py3.whl']), []);
    assert.deepEqual(leftOut(' # no comment', ['# no comment']), ['# no comment']);
    assert.deepEqual(leftOut('../a\n/../b\nc/../d\n.\n/', ['a', 'b', 'c', 'd']), ['b', 'd']);
  });

  it('refuses a line that is no pattern, by that line', () => {
    for (const line of ['!', 'a[', 'a]b[c']) {
      assert.throws(() => ignoreRules(`fine\n${line}`), { code: 'DOCKERIGNORE_INVALID' }, line);
    }
  });

  it('never lets the history of the sources, itself or caches of Python in', () => {
    const paths = [
      '.git/config',
      'sub/.git',
      '.dockerignore',
      'a/__pycache__/a.pyc',
      'a/.model.model-delivery.json',
      '.gitignore',
    ];
    assert.deepEqual(leftOut('', paths), paths.slice(0, 5));
    assert.deepEqual(leftOut('!**', paths), paths.slice(0, 5));
  });

  it('closes folders that nothing can come back from', () => {
    assert.ok(ignoreRules('node_modules').closes('node_modules'));
    assert.ok(!ignoreRules('node_modules\n!node_modules/keep').closes('node_modules'));
    assert.ok(ignoreRules('!x').closes('.git'));
  });
});
