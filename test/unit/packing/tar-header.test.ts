import assert from 'node:assert/strict';
import { extract } from 'tar-stream';
import type { Entry, Owner } from '../../../lib/packing/entry.ts';
import { BLOCK, tarHeader } from '../../../lib/packing/tar-header.ts';

const fileEntry = (path: string, size = 0): Entry<null> => ({
  type: 'file',
  path,
  size,
  executable: false,
  file: null,
});

interface Read {
  readonly name: string;
  readonly size?: number | undefined;
  readonly mode?: number | undefined;
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  readonly linkname?: string | null | undefined;
  readonly type?: string | null | undefined;
}

/** What tar-stream makes of an entry's header. */
async function read(entry: Entry<null>, owner?: Owner): Promise<Read> {
  const parser = extract();
  const found = new Promise<Read>((resolve, reject) => {
    parser.on('entry', (header) => resolve(header));
    parser.on('error', reject);
  });
  parser.write(tarHeader(entry, owner));
  const header = await found;
  parser.destroy();
  return header;
}

describe('a tar header', () => {
  it('is one block while ustar can say it', () => {
    assert.equal(tarHeader(fileEntry('model/weights.bin', 8 ** 11 - 1)).length, BLOCK);
    assert.equal(tarHeader(fileEntry(`${'d'.repeat(155)}/${'f'.repeat(100)}`)).length, BLOCK);
  });

  it('says the largest size of ustar, and from 8 GiB on says it in PAX', async () => {
    for (const size of [0, 1, 8 ** 11 - 1, 8 ** 11, 200 * 2 ** 30]) {
      assert.equal((await read(fileEntry('model/a', size))).size, size);
    }
  });

  it('keeps names of any length and script', async () => {
    const names = [
      'n'.repeat(100),
      'n'.repeat(101),
      `${'d'.repeat(100)}/${'n'.repeat(100)}`,
      `${'d'.repeat(156)}/n`,
      `a/${'d/'.repeat(200)}n`,
      'n'.repeat(1024),
      'größe/模型.onnx',
      // The length of a PAX record counts its own digits: names around where those grow by one.
      ...Array.from({ length: 12 }, (_, extra) => 'n'.repeat(982 + extra)),
    ];
    for (const name of names) assert.equal((await read(fileEntry(name))).name, name);
  });

  it('keeps folders and links with names beyond ustar', async () => {
    const folder = 'd'.repeat(99);
    const link = `/usr/${'l'.repeat(120)}`;
    assert.equal((await read({ type: 'folder', path: folder })).name, `${folder}/`);
    assert.equal((await read({ type: 'folder', path: `${folder}dd` })).name, `${folder}dd/`);
    assert.equal((await read({ type: 'symlink', path: 'a', linkTarget: link })).linkname, link);
  });

  it('gives 0755 to folders and executables, 0644 to other files', async () => {
    assert.equal((await read(fileEntry('a'))).mode, 0o644);
    assert.equal((await read({ type: 'folder', path: 'app' })).mode, 0o755);
    const script: Entry<null> = { type: 'file', path: 'run', size: 0, executable: true, file: null };
    assert.equal((await read(script)).mode, 0o755);
  });

  it('names owners, and root by itself', async () => {
    for (const owner of [undefined, { uid: 1000, gid: 8 ** 7 - 1 }]) {
      const { uid, gid } = await read(fileEntry('a'), owner);
      assert.deepEqual({ uid, gid }, owner ?? { uid: 0, gid: 0 });
    }
  });

  it('names owners beyond seven octal digits in PAX', () => {
    const header = tarHeader(fileEntry('a'), { uid: 8 ** 7, gid: 2 ** 32 - 2 }).toString('latin1');
    assert.match(header, /15 uid=2097152\n18 gid=4294967294\n/);
  });

  it('gives a hard link the name and mode of its file', async () => {
    const link = { type: 'hardlink', path: 'app/z', linkTarget: `app/${'a'.repeat(120)}`, executable: true } as const;
    const { type, linkname, mode, size } = await read(link);
    assert.deepEqual([type, linkname, mode, size], ['link', link.linkTarget, 0o755, 0]);
  });

  it('leaves /tmp open to everybody and /root closed', async () => {
    assert.equal((await read({ type: 'folder', path: 'tmp' })).mode, 0o1777);
    assert.equal((await read({ type: 'folder', path: 'root' })).mode, 0o700);
  });
});
