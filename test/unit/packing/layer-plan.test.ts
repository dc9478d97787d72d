import assert from 'node:assert/strict';
import { planLayers } from '../../../lib/packing/layer-plan.ts';

const MIB = 2 ** 20;
const plan = (files: Readonly<Record<string, number>>, target = '/model'): string[][] =>
  planLayers(
    Object.entries(files).map(([path, size]) => ({ path, size })),
    target,
  ).map((layer) => layer.files.map(({ path }) => path));

describe('a plan of layers', () => {
  it('keeps small files together and gives each large one a layer of its own', () => {
    const files = {
      'tokenizer.json': 9,
      'b.safetensors': 64 * MIB,
      'a.safetensors': 200 * MIB,
      'config.json': 64 * MIB - 1,
    };
    assert.deepEqual(plan(files), [['a.safetensors'], ['b.safetensors'], ['config.json', 'tokenizer.json']]);
  });

  it('begins another shared layer when one has grown to 1 GiB', () => {
    const files = Object.fromEntries(Array.from({ length: 40 }, (_, n) => [`part-${n + 10}`, 50 * MIB]));
    assert.deepEqual(
      plan(files).map((layer) => layer.length),
      [20, 20],
    );
  });

  it('never needs more layers than container engines take, and loses no file', () => {
    const files = Object.fromEntries(Array.from({ length: 300 }, (_, n) => [`shard-${n}`, 100 * MIB]));
    const layers = plan(files);
    assert.ok(layers.length <= 64, `${layers.length} layers`);
    assert.deepEqual(layers.flat().sort(), Object.keys(files).sort());
  });

  it('of no files is empty', () => {
    assert.deepEqual(plan({}), []);
  });

  it('refuses names that would leave the target or mean something else in an image', () => {
    const names = [
      '../a',
      'a/../../b',
      '/etc/passwd',
      'C:/a',
      'a\\b',
      'a\0b',
      '',
      './a',
      'a//b',
      'a/',
      '.wh.a',
      'a/.wh..wh..opq',
    ];
    for (const name of [...names, 'lone \ud800 surrogate']) {
      assert.throws(() => plan({ [name]: 1 }), { code: 'PATH_UNSAFE' }, name);
    }
  });

  it('refuses a file that stands where another layer needs a folder', () => {
    assert.throws(() => plan({ a: 100 * MIB, 'a/b': 100 * MIB }), { code: 'PATH_UNSAFE' });
  });

  it('refuses targets that are not a folder of their own', () => {
    for (const target of ['model', '/', '', '/model/../etc', '/proc/1', '/lib/model', '/var/run']) {
      assert.throws(() => plan({ a: 1 }, target), { code: 'TARGET_INVALID' }, target);
    }
    assert.deepEqual(plan({ a: 1 }, '/opt/model/'), [['a']]);
  });
});
