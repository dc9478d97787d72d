import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { Readable } from 'node:stream';
import type { Entry } from '../../../lib/packing/entry.ts';
import { type Layer, layerOf } from '../../../lib/packing/layer.ts';
import { LayerDigest } from '../../../lib/packing/layer-digest.ts';
import { planLayers } from '../../../lib/packing/layer-plan.ts';
import { type LayerFile, readLayer } from '../../../lib/packing/read-layer.ts';
import { memoryFile } from '../../support/memory-file.ts';

const NEVER = new AbortController().signal;
const bytesOf = (layer: Layer<LayerFile>, offset = 0): Promise<Buffer> => buffer(readLayer(layer, offset, NEVER));
const sha256 = (bytes: Uint8Array): string => `sha256:${createHash('sha256').update(bytes).digest('hex')}`;
const fileEntry = (path: string, content: string, executable = false): Entry<LayerFile> => {
  const file = memoryFile(path, content);
  return { type: 'file', path, size: file.size, executable, file };
};
const onlyLayer = (files: readonly LayerFile[]): Layer<LayerFile> => {
  const [layer, ...others] = planLayers(files, '/model');
  assert.ok(layer !== undefined && others.length === 0);
  return layer;
};

describe('a layer', () => {
  // These digests stand in the model.json of published models: a change here needs a new PACKING_FORMAT.
  it('of a model keeps its golden digest', async () => {
    const layer = onlyLayer([memoryFile('weights/a.bin', 'A'.repeat(1000)), memoryFile('config.json', '{}')]);
    assert.equal(
      sha256(await bytesOf(layer)),
      'sha256:5a20a69593db2a3e65adea11a26de09c66cb8705961cb1d0001f3dd00c871519',
    );
  });

  it('of an app keeps its golden digest', async () => {
    const layer = layerOf([
      fileEntry('app/main.py', 'print("hello")\n'),
      fileEntry('app/run.sh', '#!/bin/sh\n', true),
      fileEntry(`app/${'long-name-'.repeat(30)}`, ''),
      fileEntry('app/größe.txt', 'x'),
      { type: 'symlink', path: 'app/current', linkTarget: 'main.py' },
      { type: 'folder', path: 'app/empty' },
    ]);
    assert.equal(
      sha256(await bytesOf(layer)),
      'sha256:abec39acf1bf4bcebf4e4e3775b6047694cbe207064b009b226df7d4817b4f31',
    );
  });

  it('is as large as it says', async () => {
    const layer = onlyLayer([memoryFile('a', 'x'.repeat(513)), memoryFile('b', ''), memoryFile('c', 'x'.repeat(512))]);
    assert.equal((await bytesOf(layer)).length, layer.size);
  });

  it('does not depend on the order in which files are given', async () => {
    const files = ['b', 'a/b', 'a.b', 'a/a', 'ä'].map((path) => memoryFile(path, path));
    assert.deepEqual(await bytesOf(onlyLayer(files)), await bytesOf(onlyLayer([...files].reverse())));
  });

  it('orders names by their bytes, each folder before what it holds', () => {
    const names = ['z', 'a/b', 'a.b', 'ä', 'a/ä'];
    const layer = onlyLayer(names.map((path) => memoryFile(path, path)));
    assert.deepEqual(
      layer.files.map(({ path }) => path),
      ['a.b', 'a/b', 'a/ä', 'z', 'ä'],
    );
  });

  it('can be read from any of its bytes on, opening only files that are still needed', async () => {
    const files = [memoryFile('a', 'x'.repeat(700)), memoryFile('b', 'y'.repeat(10))];
    const layer = onlyLayer(files);
    const whole = await bytesOf(layer);
    for (let offset = 0; offset <= whole.length; offset += 97) {
      assert.deepEqual(await bytesOf(layer, offset), whole.subarray(offset));
    }
    const before = files[0]?.reads.length;
    await bytesOf(layer, layer.size - 1024 - 512);
    assert.equal(files[0]?.reads.length, before);
  });

  it('has its digest once the content has streamed by, however it is cut', async () => {
    const layer = onlyLayer([memoryFile('a', 'x'.repeat(700)), memoryFile('b', ''), memoryFile('c', 'y'.repeat(512))]);
    const content = Buffer.from('x'.repeat(700) + 'y'.repeat(512));
    const expected = { digest: sha256(await bytesOf(layer)), size: layer.size };
    for (const step of [1, 7, 512, 701, 5000]) {
      const digest = new LayerDigest(layer);
      for (let at = 0; at < content.length; at += step) digest.update(content.subarray(at, at + step));
      assert.deepEqual(digest.finish(), expected);
    }
  });

  it('whose content is too long or too short has no digest', () => {
    const layer = onlyLayer([memoryFile('a', 'xyz')]);
    assert.throws(() => new LayerDigest(layer).update(Buffer.from('wxyz')), RangeError);
    assert.throws(() => new LayerDigest(layer).finish(), RangeError);
  });

  it('is not read to its end when a file has changed its size', async () => {
    for (const content of ['xy', 'wxyz']) {
      const file = { ...memoryFile('a', 'xyz'), open: () => Promise.resolve(Readable.from([Buffer.from(content)])) };
      await assert.rejects(bytesOf(onlyLayer([file])), { code: 'FILE_CHANGED', message: /file a .*3 bytes/ });
    }
  });

  it('stops when it is told to', async () => {
    const stop = new AbortController();
    const layer = onlyLayer([memoryFile('a', 'xyz')]);
    stop.abort(new Error('stop'));
    await assert.rejects(buffer(readLayer(layer, 0, stop.signal)), /stop/);
  });

  it('refuses two entries of one path and a file where a folder must be', () => {
    const unsafe = { code: 'PATH_UNSAFE' };
    assert.throws(() => layerOf([fileEntry('a', ''), fileEntry('a', '')]), unsafe);
    assert.throws(() => layerOf([fileEntry('a', ''), fileEntry('a/b', '')]), unsafe);
  });
});
