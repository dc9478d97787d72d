import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastWords } from '../../../tools/test/results.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');

describe('the last words of a test run', () => {
  let folder: string;

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'last-words-'));
  });

  afterEach(() => rmSync(folder, { recursive: true, force: true }));

  /** Runs one test file as a suite of its own. */
  function runSuite(text: string): void {
    const file = join(folder, 'some.test.mjs');
    writeFileSync(file, `import assert from 'node:assert/strict';\n${text}`);
    const reporter = ['--reporter', 'tools/test/reporter.ts', '--reporter-option', `suite=some,results=${folder}`];
    spawnSync(process.execPath, [join('node_modules', 'mocha', 'bin', 'mocha.js'), ...reporter, file], { cwd: ROOT });
  }

  it('name each failed test and hook, with the first line of its error', () => {
    runSuite(`describe('a thing', () => {
      it('works', () => undefined);
      it('holds', () => assert.fail('it broke\\nhere and there'));
      describe('of its own', () => { before(() => { throw new Error('no place'); }); it('is', () => undefined); });
    });`);
    assert.deepEqual(lastWords(folder, ['some']), [
      '',
      'Failed:',
      '  some: a thing holds',
      '    it broke',
      '  some: a thing of its own "before all" hook for "is"',
      '    no place',
    ]);
  });

  it('show the text that a pattern did not match', () => {
    runSuite(`it('is told', () => assert.match('E_CODE: no such thing', /^E_OTHER/));`);
    assert.match(lastWords(folder, ['some']).at(-1) ?? '', /\/\^E_OTHER\/\. Input: 'E_CODE: no such thing'$/);
  });

  it('of a task say what was wrong and what the task itself told, and give no command', () => {
    const log = String.raw`##vso[task.debug]begun\n##vso[task.logissue type=error]E_CODE: no such thing\nend`;
    runSuite(`it('rolls out', () => assert.equal('restored', 'deployed', '${log}'));`);
    const [why] = lastWords(folder, ['some']).slice(-1);
    assert.equal(why?.trim(), '##[task.debug]begun · "restored" instead of "deployed" · E_CODE: no such thing');
  });

  it('tell slow tests, and a suite that ended without a result', () => {
    runSuite(`it('takes its time', (done) => void setTimeout(done, 600));`);
    const words = lastWords(folder, ['some', 'other']);
    assert.match(words[1] ?? '', /^ {5}0\.\d s {2}takes its time$/);
    assert.equal(words.at(-1), '  other: ended without a result; see above');
  });
});
