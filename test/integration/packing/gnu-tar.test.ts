import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { lstat, mkdtemp, readdir, readFile, readlink, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import type { Entry } from '../../../lib/packing/entry.ts';
import { layerOf } from '../../../lib/packing/layer.ts';
import { type LayerFile, readLayer } from '../../../lib/packing/read-layer.ts';
import { memoryFile } from '../../support/memory-file.ts';

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
});
