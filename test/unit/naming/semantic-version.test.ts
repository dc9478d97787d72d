import assert from 'node:assert/strict';
import {
  highestFirst,
  inRange,
  isRange,
  semanticVersion,
  versionInPath,
} from '../../../lib/naming/semantic-version.ts';

describe('a semantic version', () => {
  it('is also one with a v, with fewer parts, or a run number', () => {
    const names = { '2.1.0': '2.1.0', 'v2.1.0': '2.1.0', '2': '2.0.0', '2.1': '2.1.0', '20261124.3': '20261124.3.0' };
    for (const [name, version] of Object.entries({
      ...names,
      '2026.01.05': '2026.1.5',
      '1.0.0-rc.1+b7': '1.0.0-rc.1',
    })) {
      assert.equal(semanticVersion(name)?.version, version, name);
    }
  });

  it('is no other name', () => {
    for (const name of ['latest', '1.2.3.4', '', 'v', '1..2', '1.0.0_2', 'x1.0.0', '99999999999999999999.0.0']) {
      assert.equal(semanticVersion(name), undefined, name);
    }
  });
});

describe('versions in order', () => {
  it('go by number, releases before all candidates', () => {
    const names = ['1.9.0', '1.10.0', 'notes', '2.0.0-rc.1', '2.0.0-rc.2', 'v1.2'];
    assert.deepEqual(highestFirst(names), ['1.10.0', '1.9.0', 'v1.2', '2.0.0-rc.2', '2.0.0-rc.1']);
  });

  it('are in a range as npm has it', () => {
    const names = ['1.9.0', '2.0.0', '2.1.0', '2.1.7', 'v2.2.0', '2.3.0-rc.1', '3.0.0', 'latest'];
    assert.deepEqual(inRange(names, '^2.1'), ['v2.2.0', '2.1.7', '2.1.0']);
    assert.deepEqual(inRange(names, '~2.1'), ['2.1.7', '2.1.0']);
    assert.deepEqual(inRange(names, '>=1 <2'), ['1.9.0']);
    assert.deepEqual(inRange(names, '>=2.3.0-rc.0 <2.4'), ['2.3.0-rc.1']);
    assert.equal(inRange(names, '*').at(0), '3.0.0');
    assert.ok(isRange('1 || 3') && !isRange('^latest'));
  });
});

describe('the version in a path', () => {
  const cases: Readonly<Record<string, string | undefined>> = {
    'digits-2.1.0.pkl': '2.1.0',
    'digits_v2.1.0.tar.gz': 'v2.1.0',
    'digits-1.0.0-rc.1.onnx': '1.0.0-rc.1',
    'digits-2.1.0_int8.onnx': '2.1.0',
    'resnet50-1.2.onnx': '1.2',
    'llama-7b-v3.gguf': 'v3',
    'digits-10.pkl': '10',
    'models/2.1.0/model-00001-of-00003.safetensors': '2.1.0',
    'models/v3/weights-2.bin': 'v3',
    'models/2.1.0/model.onnx': '2.1.0',
    'digits-latest.pkl': undefined,
    'resnet50.onnx': undefined,
  };
  for (const [path, version] of Object.entries(cases)) {
    it(`${path} is ${version ?? 'none'}`, () => assert.equal(versionInPath(path), version));
  }
});
