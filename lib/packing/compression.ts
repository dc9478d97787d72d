import type { Transform } from 'node:stream';
import zlib from 'node:zlib';
import { Gzip } from 'fflate';
import { asError, DeliveryError } from '../errors/delivery-error.ts';

/** How the bytes of a layer are kept and moved. */
export type Compression = 'none' | 'gzip' | 'zstd';

/** Compressors are fed in blocks of exactly this size, since where one block ends shows in what comes out. */
const BLOCK = 64 * 1024;
/** Part of a layer's identity, never to be changed: a third faster than the usual 6 and 3 % larger. */
const GZIP_LEVEL = 4;
const ZSTD_LEVEL = 3;

/**
 * Refuses a compression that this Node.js does not have.
 *
 * @throws DeliveryError `COMPRESSION_UNSUPPORTED`
 */
export function checkCompression(compression: Compression): void {
  if (compression !== 'zstd' || knowsZstd()) return;
  throw new DeliveryError('COMPRESSION_UNSUPPORTED', {
    message: `The Node.js ${process.versions.node} of this agent cannot compress with zstd.`,
    remedy: 'Use an agent from 4.265.1 on, which runs tasks on Node.js 24, or choose gzip or none.',
  });
}

/**
 * Compresses a stream. gzip gives the same bytes on every machine and version of Node.js: it is not the one of
 * Node.js, whose bytes differ by version and processor. zstd is the one of Node.js and keeps its bytes as long as its
 * library does.
 */
export function compress(bytes: AsyncIterable<Uint8Array>, compression: Compression): AsyncIterable<Uint8Array> {
  switch (compression) {
    case 'none':
      return bytes;
    case 'gzip':
      return gzip(bytes);
    case 'zstd':
      return zstd(bytes);
  }
}

async function* gzip(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const out: Uint8Array[] = [];
  // A time of 0 says that there is none; it would otherwise be the clock's.
  const encoder = new Gzip({ level: GZIP_LEVEL, mtime: 0 }, (chunk) => out.push(chunk));
  for await (const block of blocksOf(bytes)) {
    encoder.push(block);
    yield* out.splice(0);
  }
  encoder.push(new Uint8Array(), true);
  yield* out;
}

async function* zstd(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const encoder = zlib.createZstdCompress({ params: { [zlib.constants.ZSTD_c_compressionLevel]: ZSTD_LEVEL } });
  void feed(encoder, bytes);
  yield* encoder as AsyncIterable<Uint8Array>;
}

/** Never fails: a failure of the source ends the encoder with that same error, which then reaches whoever reads. */
async function feed(encoder: Transform, bytes: AsyncIterable<Uint8Array>): Promise<void> {
  try {
    for await (const block of blocksOf(bytes)) {
      await new Promise<void>((resolve, reject) => {
        encoder.write(block, (error) => (error ? reject(error) : resolve()));
      });
    }
    encoder.end();
  } catch (error) {
    encoder.destroy(asError(error));
  }
}

/**
 * Cuts a stream anew, into blocks that are all of one size but for the last. Each is good until the next is asked for: they
 * share their memory.
 */
async function* blocksOf(bytes: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
  const block = Buffer.allocUnsafe(BLOCK);
  let filled = 0;
  for await (const chunk of bytes) {
    for (let taken = 0; taken < chunk.length;) {
      const part = chunk.subarray(taken, taken + BLOCK - filled);
      block.set(part, filled);
      filled += part.length;
      taken += part.length;
      if (filled < BLOCK) continue;
      yield block;
      filled = 0;
    }
  }
  if (filled > 0) yield block.subarray(0, filled);
}

function knowsZstd(): boolean {
  return 'createZstdCompress' in zlib;
}
