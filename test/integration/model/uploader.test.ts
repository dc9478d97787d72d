import assert from 'node:assert/strict';
import { createHash, type Hash } from 'node:crypto';
import { Uploader } from '../../../lib/model/uploader.ts';
import { freshContainer, openContainer } from '../../support/blob-container.ts';
import { noise } from '../../support/model-folder.ts';
import { delegating } from '../../support/object-stores.ts';

const NEVER = new AbortController().signal;
const MiB = 1024 * 1024;

describe('an uploader', () => {
  it('makes parts so large that the store takes as many, and still sends the file right', async () => {
    const container = await freshContainer();
    const store = { ...delegating(await openContainer(container)), mostParts: 3 };
    const bytes = noise(40 * MiB);
    let arrived = 0;
    const observer = { arrived: (more: number) => void (arrived += more), reused: () => undefined };
    const uploader = new Uploader(store, new Map(), observer, NEVER);
    const hash = createHash('sha256');
    await uploader.send('big.bin', bytes.length, piecesOf(bytes, hash), () => hash.copy().digest());
    await uploader.finish();
    const { committedBlocks = [] } = await container.client.getBlockBlobClient('big.bin').getBlockList('committed');
    assert.deepEqual(
      committedBlocks.map(({ size }) => size / MiB),
      [16, 16, 8],
    );
    assert.equal(arrived, bytes.length);
    assert.ok(bytes.equals(await container.client.getBlobClient('big.bin').downloadToBuffer()));
    await container.client.delete();
  });
});

async function* piecesOf(bytes: Buffer, hash: Hash): AsyncGenerator<Buffer> {
  for (let at = 0; at < bytes.length; at += 8 * MiB) {
    const piece = bytes.subarray(at, at + 8 * MiB);
    hash.update(piece);
    yield await Promise.resolve(piece);
  }
}
