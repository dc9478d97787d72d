import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { lstat, mkdtemp, open, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { modelFiles } from '../../../lib/oci/local-folder.ts';
import type { Entry } from '../../../lib/packing/entry.ts';
import { layerOf } from '../../../lib/packing/layer.ts';
import { planLayers } from '../../../lib/packing/layer-plan.ts';
import { type LayerFile, readLayer } from '../../../lib/packing/read-layer.ts';
import { memoryFile } from '../../support/memory-file.ts';

const GIB = 1024 ** 3;
/** Bytes of data in one place of a file of holes. */
const MARK = 1_000_000;

describe('a layer unpacked by GNU tar', () => {
  let folder = '';
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'gnu-tar-'));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  it('is the tree that went in: 10,000 files, long and foreign names, links, modes and empty folders', async () => {
    const contents = new Map<string, string>();
    for (let n = 0; n < 10_000; n += 1) contents.set(`app/many/${n % 100}/${n}.txt`, `file ${n}`.repeat(n % 90));
    for (const length of [99, 100, 101, 155, 200, 255]) contents.set(`app/${'n'.repeat(length)}`, `${length}`);
    contents.set(`app/${'deep-folder/'.repeat(40)}leaf`, 'leaf');
    contents.set('app/größe/模型 €.onnx', 'foreign');
    contents.set('app/run.sh', '#!/bin/sh\n');
    const linkTarget = `many/${'l'.repeat(150)}`;
    const entries: readonly Entry<LayerFile>[] = [
      ...[...contents].map(([path, content]): Entry<LayerFile> => {
        const file = memoryFile(path, content);
        return { type: 'file', path, size: file.size, executable: path.endsWith('.sh'), file };
      }),
      { type: 'symlink', path: 'app/current', linkTarget },
      { type: 'folder', path: 'app/empty' },
    ];

    const tar = spawn('tar', ['-xpf', '-', '-C', folder], { stdio: ['pipe', 'ignore', 'inherit'] });
    const exit = once(tar, 'exit');
    await pipeline(Readable.from(readLayer(layerOf(entries), 0, new AbortController().signal)), tar.stdin);
    assert.deepEqual(await exit, [0, null]);

    const found = await readdir(folder, { recursive: true, withFileTypes: true });
    const files = found.filter((entry) => entry.isFile());
    assert.equal(files.length, contents.size);
    for (const [path, content] of contents) assert.equal(await readFile(join(folder, path), 'utf8'), content);
    assert.equal(await readlink(join(folder, 'app/current')), linkTarget);
    assert.deepEqual(await readdir(join(folder, 'app/empty')), []);
    const modeOf = async (path: string): Promise<number> => (await lstat(join(folder, path))).mode & 0o7777;
    assert.equal(await modeOf('app/run.sh'), 0o755);
    assert.equal(await modeOf('app/many/1/1.txt'), 0o644);
    assert.equal(await modeOf('app'), 0o755);
  });

  it('is the very file that went in, also where its size is more than ustar can say', async function () {
    this.timeout('300s');
    const size = 8 * GIB + 12_345;
    // Holes of a file in memory are never filled, so reading them costs next to nothing; a disk's cache would fill with zeros.
    const huge = await mkdtemp(join(existsSync('/dev/shm') ? '/dev/shm' : tmpdir(), 'huge-'));
    try {
      const path = join(huge, 'weights.bin');
      await writeSparse(path, size, [0, 4 * GIB - 3, size - MARK]);
      const [layer] = planLayers(await modelFiles(huge), '/model');
      assert.ok(layer);
      // Compared byte by byte on the way, which takes a tenth of what two digests would.
      const compare = 'tar -b 2048 -xOf - model/weights.bin | cmp - "$0"';
      const unpacking = spawn('bash', ['-o', 'pipefail', '-c', compare, path], {
        stdio: ['pipe', 'inherit', 'inherit'],
      });
      const exit = once(unpacking, 'exit');
      await pipeline(Readable.from(readLayer(layer, 0, new AbortController().signal)), unpacking.stdin);
      assert.deepEqual(await exit, [0, null]);
    } finally {
      await rm(huge, { recursive: true });
    }
  });
});

/** Writes a file with data at some places and holes for all else. */
async function writeSparse(path: string, size: number, places: readonly number[]): Promise<void> {
  const file = await open(path, 'w');
  try {
    await file.truncate(size);
    for (const at of places) await file.write(randomBytes(MARK), 0, MARK, at);
  } finally {
    await file.close();
  }
}
