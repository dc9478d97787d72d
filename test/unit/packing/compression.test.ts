import assert from 'node:assert/strict';
import { createHash, randomBytes } from 'node:crypto';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, zstdDecompressSync } from 'node:zlib';
import { compress } from '../../../lib/packing/compression.ts';

/** The same on every machine: pseudo-random lines, of which gzip makes about a third. */
const CONTENT = Buffer.from(
  Array.from({ length: 20_000 }, (_, index) => `line ${(index * 2_654_435_761) % 4_294_967_296}\n`).join(''),
);

async function* inChunks(size: number): AsyncGenerator<Uint8Array> {
  for (let start = 0; start < CONTENT.length; start += size) {
    yield await Promise.resolve(CONTENT.subarray(start, start + size));
  }
}

async function until(isSo: () => boolean): Promise<void> {
  for (let turn = 0; turn < 200 && !isSo(); turn += 1) await new Promise((resolve) => setTimeout(resolve, 10));
  assert.ok(isSo());
}

describe('compression', () => {
  it('by gzip gives these very bytes, now and for ever', async () => {
    const bytes = await buffer(compress(inChunks(1000), 'gzip'));
    assert.deepEqual(gunzipSync(bytes), CONTENT);
    const digest = createHash('sha256').update(bytes).digest('hex');
    assert.equal(digest, '19fbebc41a32d08a7d62eebe5fcf503d7dafb2854aa92fc42778b68fa18a5653');
  });

  for (const compression of ['gzip', 'zstd'] as const) {
    it(`by ${compression} does not depend on how its input comes`, async () => {
      const [one, other, third] = await Promise.all(
        [CONTENT.length, 777, 70_000].map((size) => buffer(compress(inChunks(size), compression))),
      );
      assert.deepEqual(one, other);
      assert.deepEqual(one, third);
      assert.deepEqual((compression === 'gzip' ? gunzipSync : zstdDecompressSync)(one ?? ''), CONTENT);
    });

    it(`by ${compression} fails as its source fails, and takes an empty one`, async () => {
      async function* broken(): AsyncGenerator<Uint8Array> {
        yield await Promise.resolve(CONTENT);
        throw new Error('the disk is gone');
      }
      await assert.rejects(buffer(compress(broken(), compression)), /the disk is gone/);
      async function* empty(): AsyncGenerator<Uint8Array> {
        // Nothing.
      }
      assert.ok((await buffer(compress(empty(), compression))).length > 0);
    });
  }

  for (const compression of ['gzip', 'zstd'] as const) {
    it(`by ${compression} lets go of its source when nobody reads on`, async () => {
      let closed = false;
      async function* endless(): AsyncGenerator<Uint8Array> {
        try {
          for (;;) yield await new Promise((resolve) => setImmediate(resolve, randomBytes(100_000)));
        } finally {
          closed = true;
        }
      }
      for await (const chunk of compress(endless(), compression)) if (chunk.length > 0) break;
      await until(() => closed);
    });
  }

  it('that is none passes everything on', async () => {
    assert.deepEqual(await buffer(compress(inChunks(5000), 'none')), CONTENT);
  });
});
