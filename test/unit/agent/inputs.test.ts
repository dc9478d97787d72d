import assert from 'node:assert/strict';
import { Inputs } from '../../../lib/agent/inputs.ts';

const inputs = (values: Record<string, string>): Inputs => new Inputs((name) => values[name]);
const invalid = { code: 'INPUT_INVALID' };

describe('inputs', () => {
  it('are read without the white space around them', () => {
    assert.equal(inputs({ model: '  digits\n' }).text('model'), 'digits');
  });

  it('that must be there are missed by name', () => {
    assert.throws(() => inputs({ model: ' ' }).text('model'), {
      code: 'INPUT_MISSING',
      message: 'The input model is empty.',
    });
  });

  it('that hold a variable nobody set are refused, and the variable is named', () => {
    assert.throws(() => inputs({ version: '$(modelVersion)' }).optionalText('version'), {
      ...invalid,
      remedy: /modelVersion/,
    });
  });

  it('that an earlier run leaves in a variable are left out as long as there was none', () => {
    assert.equal(inputs({ digest: '$(deployedDigest)' }).textOfEarlierRun('digest'), undefined);
    assert.equal(inputs({ digest: ' ' }).textOfEarlierRun('digest'), undefined);
    assert.equal(inputs({ digest: 'sha256:1' }).textOfEarlierRun('digest'), 'sha256:1');
  });

  it('take flags in any case and nothing else', () => {
    assert.equal(inputs({ f: 'True' }).flag('f'), true);
    assert.equal(inputs({}).flag('f'), false);
    assert.throws(() => inputs({ f: 'yes' }).flag('f'), invalid);
  });

  it('take whole numbers within their bounds', () => {
    const bounds = { min: 1, max: 10 };
    assert.equal(inputs({ n: '10' }).integer('n', bounds), 10);
    for (const n of ['0', '11', '1.5', '1e1', 'ten']) assert.throws(() => inputs({ n }).integer('n', bounds), invalid);
  });

  it('are numbers, which may be left out', () => {
    const bounds = { min: 0, max: 1 };
    for (const n of ['0', '0.95', '1', '5e-1']) assert.equal(inputs({ n }).optionalNumber('n', bounds), Number(n));
    assert.equal(inputs({}).optionalNumber('n', bounds), undefined);
    for (const n of ['-0.1', '1.1', '0x1', 'NaN', '1,5']) {
      assert.throws(() => inputs({ n }).optionalNumber('n', bounds), invalid);
    }
  });

  it('take a word of a list, and list the words otherwise', () => {
    assert.equal(inputs({ c: 'Rolling' }).choice('c', ['rolling', 'canary']), 'rolling');
    assert.throws(() => inputs({ c: 'big-bang' }).choice('c', ['rolling', 'canary']), {
      ...invalid,
      remedy: 'Use one of: rolling, canary.',
    });
  });

  it('take key=value lines, keep further equals signs, and refuse a key given twice', () => {
    assert.deepEqual(inputs({ p: 'a=1\n\n b = x=y ' }).pairs('p'), { a: '1', b: 'x=y' });
    assert.throws(() => inputs({ p: 'a=1\na=2' }).pairs('p'), invalid);
    assert.throws(() => inputs({ p: 'just text' }).pairs('p'), invalid);
  });
});
