import assert from 'node:assert/strict';
import { execFileSync, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, linkSync, lstatSync, mkdirSync, mkdtempSync, readdirSync, readFileSync } from 'node:fs';
import { readlinkSync, rmSync, symlinkSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { appEntries } from '../../../lib/oci/local-folder.ts';
import { layerOf } from '../../../lib/packing/layer.ts';
import { readLayer } from '../../../lib/packing/read-layer.ts';
import { tarHeader } from '../../../lib/packing/tar-header.ts';

describe('an app folder', function () {
  this.timeout('120s');
  let folder = '';
  before(() => {
    folder = mkdtempSync(join(tmpdir(), 'app-folder-'));
  });
  after(() => rmSync(folder, { recursive: true, force: true }));

  const newFolder = (): string => mkdtempSync(join(folder, 'app-'));
  /** Packs a folder as the app's layer is and unpacks it with GNU tar, as root and so with owners. */
  async function unpacked(app: string, target = '/app'): Promise<string> {
    const out = mkdtempSync(join(folder, 'out-'));
    const tar = spawn('tar', ['--numeric-owner', '-xpf', '-', '-C', out], { stdio: ['pipe', 'ignore', 'inherit'] });
    const exit = once(tar, 'exit');
    const layer = layerOf(await appEntries(app, target), {
      owner: { uid: 1234, gid: 3_000_000 },
      path: target.slice(1),
    });
    await pipeline(Readable.from(readLayer(layer, 0, new AbortController().signal)), tar.stdin);
    assert.deepEqual(await exit, [0, null]);
    return out;
  }

  it('unpacks to the same tree: hard and symbolic links, rights to execute, empty folders, any name', async () => {
    const app = newFolder();
    const deep = join(app, ...Array.from({ length: 12 }, (_, n) => `folder-number-${n}-${'x'.repeat(20)}`));
    mkdirSync(deep, { recursive: true });
    mkdirSync(join(app, 'empty', 'emptier'), { recursive: true });
    writeFileSync(join(deep, `${'n'.repeat(251)}.txt`), 'a path far beyond 255 bytes');
    writeFileSync(join(app, 'größe 模型 🚀.txt'), 'unicode');
    writeFileSync(join(app, 'nothing'), '');
    writeFileSync(join(app, 'run.sh'), '#!/bin/sh\n', { mode: 0o755 });
    writeFileSync(join(app, 'zzz-original'), 'one content');
    chmodSync(join(app, 'zzz-original'), 0o700);
    linkSync(join(app, 'zzz-original'), join(app, 'another-name'));
    linkSync(join(app, 'zzz-original'), join(deep, 'far-away'));
    symlinkSync('run.sh', join(app, 'start'));
    symlinkSync('/nowhere/at/all', join(app, 'dangling'));
    symlinkSync('empty', join(app, 'to-a-folder'));
    const out = await unpacked(app);
    assert.deepEqual(treeOf(join(out, 'app')), treeOf(app));
    const once = layerOf(await appEntries(app, '/app'));
    assert.equal(once.files.filter(({ size }) => size === 'one content'.length).length, 1);
  });

  it('of a Windows agent, which knows no right to execute, has its scripts and programs executable, and links that lead somewhere', async () => {
    const app = newFolder();
    mkdirSync(join(app, 'lib'));
    writeFileSync(join(app, 'run.sh'), '#!/bin/sh\n', { mode: 0o644 });
    writeFileSync(join(app, 'server'), '\x7fELF\x02\x01', { mode: 0o644 });
    writeFileSync(join(app, 'app.py'), 'import os\n', { mode: 0o755 });
    writeFileSync(join(app, 'empty'), '');
    symlinkSync('..\\run.sh', join(app, 'lib', 'start'));
    const entries = await appEntries(app, '/app', { platform: 'win32' });
    const executable = entries.filter((entry) => entry.type === 'file' && entry.executable);
    assert.deepEqual(executable.map(({ path }) => path).sort(), ['app/run.sh', 'app/server']);
    const link = entries.find(({ type }) => type === 'symlink');
    assert.deepEqual(link, { type: 'symlink', path: 'app/lib/start', linkTarget: '../run.sh' });
  });

  it('of 10,000 files unpacks to the same tree, soon', async () => {
    const app = newFolder();
    for (let n = 0; n < 10_000; n += 1) {
      if (n % 100 === 0) mkdirSync(join(app, String(n / 100)));
      writeFileSync(join(app, String(Math.floor(n / 100)), `${n}.txt`), `file ${n}`);
    }
    const out = await unpacked(app);
    assert.deepEqual(treeOf(join(out, 'app')), treeOf(app));
  });

  it('of which something is closed to us, or gone by the time it is read, is told by its path', async function () {
    const app = newFolder();
    writeFileSync(join(app, 'main.py'), 'print()');
    const [entry] = await appEntries(app, '/app');
    assert.ok(entry?.type === 'file');
    rmSync(join(app, 'main.py'));
    const gone = buffer(readLayer(layerOf([entry]), 0, new AbortController().signal));
    await assert.rejects(gone, { code: 'SOURCE_UNREADABLE', message: /main\.py cannot go into the image: ENOENT/ });
    mkdirSync(join(app, '.dockerignore'));
    const rules = { code: 'SOURCE_UNREADABLE', message: /\.dockerignore cannot go into the image: EISDIR/ };
    await assert.rejects(appEntries(app, '/app'), rules, 'rules that keep things out are not passed over');
    rmSync(join(app, '.dockerignore'), { recursive: true });
    mkdirSync(join(app, 'closed'), { mode: 0 });
    // The system refuses nothing to root.
    if (process.getuid?.() !== 0 || process.seteuid === undefined) this.skip();
    chmodSync(folder, 0o755);
    chmodSync(app, 0o755);
    process.seteuid(65_534);
    try {
      await assert.rejects(appEntries(app, '/app'), { code: 'SOURCE_UNREADABLE', message: /closed cannot.*EACCES/ });
    } finally {
      process.seteuid(0);
    }
  });

  it('holds no name that deletes files of the base, be it of an empty folder', async () => {
    const app = newFolder();
    writeFileSync(join(app, 'main.py'), 'print()');
    mkdirSync(join(app, '.wh.lib'));
    await assert.rejects(appEntries(app, '/app'), { code: 'PATH_UNSAFE', message: /"\.wh\.lib" cannot go into/ });
    writeFileSync(join(app, '.dockerignore'), '.wh.*\n');
    assert.equal((await appEntries(app, '/app')).length, 1);
  });

  it('belongs to whom it shall, and the folders above it to the system', async () => {
    const app = newFolder();
    mkdirSync(join(app, 'sub'));
    writeFileSync(join(app, 'sub', 'file'), '');
    const out = await unpacked(app, '/opt/team/app');
    const ownerOf = (path: string): string => {
      const { uid, gid } = lstatSync(join(out, path));
      return `${uid}:${gid}`;
    };
    assert.deepEqual(['opt', 'opt/team'].map(ownerOf), ['0:0', '0:0']);
    const added = ['opt/team/app', 'opt/team/app/sub', 'opt/team/app/sub/file'];
    assert.deepEqual(added.map(ownerOf), ['1234:3000000', '1234:3000000', '1234:3000000']);
  });

  it('may hold files of 8 GiB and more, by what GNU tar reads in their headers', () => {
    const size = 9 * 2 ** 30 + 7;
    const file = { type: 'file', path: 'model/huge.bin', size, executable: false, file: null } as const;
    const archive = join(folder, 'huge.tar');
    writeFileSync(archive, tarHeader(file));
    truncateSync(archive, Math.ceil(size / 512) * 512 + 4096);
    assert.match(
      execFileSync('tar', ['-tvf', archive], { encoding: 'utf8' }),
      new RegExp(` ${size} .* model/huge.bin`),
    );
  });
});

/** Everything about a tree that an image keeps, one line an entry; names of one file say which. */
function treeOf(root: string): readonly string[] {
  const inodes = new Map<number, string>();
  const paths = readdirSync(root, { recursive: true, encoding: 'utf8' }).sort();
  return paths.map((path) => {
    const full = join(root, path);
    const found = lstatSync(full);
    if (found.isSymbolicLink()) return `${path} -> ${readlinkSync(full)}`;
    if (found.isDirectory()) return `${path}/`;
    const first = inodes.get(found.ino) ?? path;
    inodes.set(found.ino, first);
    const content = createHash('sha256').update(readFileSync(full)).digest('hex');
    return `${path} ${(found.mode & 0o100) === 0 ? '-' : 'x'} ${content} = ${first}`;
  });
}
