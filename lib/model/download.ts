import { createHash, type Hash } from 'node:crypto';
import type { ContentCache } from './content-cache.ts';
import { modelDigest, totalSize, type DigestedFile } from './model-digest.ts';
import { ReusedMemory, slicesOf, SMALL, SMALL_AT_ONCE } from './piece-memory.ts';
import { ProgressSum, type Reporter } from './progress.ts';
import { readAhead } from './read-ahead.ts';
import type { ModelFile } from './resolved-model.ts';
import { Slots } from './slots.ts';
import { type Staging, writeWhole } from './staging.ts';
import { SteadySync } from './steady-sync.ts';
import { checkDigest } from './stored-file.ts';

/** Pieces in memory at once, of all files together: 64 MiB. */
const IN_FLIGHT = 8;

/** Where the bytes of a model came from. */
export interface Origins {
  /** Bytes that the store sent. */
  readonly downloaded: number;
  /** Bytes that an interrupted fetch had left. */
  readonly resumed: number;
  /** Bytes that came from the cache. */
  readonly cached: number;
}

/** The files of a model that are all there, verified. */
export interface Download extends Origins {
  readonly files: readonly DigestedFile[];
  /** See `modelDigest`. */
  readonly digest: string;
}

/** What the downloads of one model share. */
interface Transfer {
  readonly staging: Staging;
  readonly cache: ContentCache | undefined;
  readonly memory: ReusedMemory;
  readonly sum: ProgressSum;
  readonly signal: AbortSignal;
}

/** A file that is there, and where its bytes came from. */
interface DownloadedFile extends DigestedFile, Origins {}

/**
 * Brings the files of a model into a staging folder: large ones in parallel ranges, small ones side by side.
 *
 * @throws DeliveryError `DIGEST_MISMATCH`, those of the store, and what the file system says
 */
export async function download(
  files: readonly ModelFile[],
  { staging, cache }: Pick<Transfer, 'staging' | 'cache'>,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Download> {
  const stop = new AbortController();
  const transfer: Transfer = {
    staging,
    cache,
    memory: new ReusedMemory(IN_FLIGHT),
    sum: new ProgressSum(totalSize(files), reporter),
    signal: AbortSignal.any([signal, stop.signal]),
  };
  const opened = new Slots(SMALL_AT_ONCE);
  const downloads = files.map((file) =>
    opened.run(async () => {
      transfer.signal.throwIfAborted();
      return (await fromCache(file, transfer)) ?? fromStore(file, transfer);
    }),
  );
  try {
    const done = await Promise.all(downloads);
    const digested = done.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
    const sumOf = (origin: keyof Origins): number => done.reduce((sum, file) => sum + file[origin], 0);
    return {
      files: digested,
      digest: modelDigest(digested),
      downloaded: sumOf('downloaded'),
      resumed: sumOf('resumed'),
      cached: sumOf('cached'),
    };
  } catch (error) {
    // No write may come after the folder has been removed or handed on.
    stop.abort(error);
    await Promise.allSettled(downloads);
    throw error;
  }
}

/** A file from the cache, unless it is not there, or an interrupted fetch had begun with it. */
async function fromCache(
  file: ModelFile,
  { staging, cache, sum, signal }: Transfer,
): Promise<DownloadedFile | undefined> {
  const { path, size } = file;
  if (cache === undefined || staging.hasBegun(path)) return undefined;
  const sha256 = await cache.take(file, await staging.place(path), signal);
  if (sha256 === undefined) return undefined;
  sum.add(size);
  await staging.mark(path, size, sha256);
  return { path, size, sha256, downloaded: 0, resumed: 0, cached: size };
}

function fromStore(file: ModelFile, transfer: Transfer): Promise<DownloadedFile> {
  const small = file.size <= SMALL && !transfer.staging.hasBegun(file.path);
  return small ? downloadSmall(file, transfer) : downloadLarge(file, transfer);
}

/** A small file is whole and verified before anything of it is written. */
async function downloadSmall(file: ModelFile, { staging, memory, sum, signal }: Transfer): Promise<DownloadedFile> {
  const { path, size } = file;
  const bytes = await memory.acquire(size);
  try {
    await file.readRange(0, bytes, signal);
    const sha256 = createHash('sha256').update(bytes).digest('hex');
    checkDigest(path, 'SHA-256', sha256, file.sha256);
    if (file.md5 !== undefined) checkDigest(path, 'MD5', createHash('md5').update(bytes).digest('hex'), file.md5);
    await staging.put(path, bytes, sha256);
    sum.add(size);
    return { path, size, sha256, downloaded: size, resumed: 0, cached: 0 };
  } finally {
    memory.release(bytes);
  }
}

async function downloadLarge(file: ModelFile, { staging, memory, sum, signal }: Transfer): Promise<DownloadedFile> {
  const { path, size } = file;
  const { handle, bytes: left, sha256, md5 } = await staging.open(file, signal);
  sum.add(left);
  let at = left;
  const disk = new SteadySync(handle);
  try {
    for await (const piece of readAhead(file.readRange, { offset: at, size }, memory, signal)) {
      writeHashed(handle.fd, piece, md5 === undefined ? [sha256] : [sha256, md5]);
      at += piece.length;
      sum.add(piece.length);
      await disk.wrote(piece.length);
      await staging.mark(path, at, sha256.copy().digest('hex'));
    }
    // A folder that is trusted by its files' sizes and times must have its bytes on the disk before it has its name.
    await disk.finish();
  } finally {
    await disk.settled();
    await handle.close();
  }
  const digest = sha256.digest('hex');
  checkDigest(path, 'SHA-256', digest, file.sha256);
  if (md5 !== undefined) checkDigest(path, 'MD5', md5.digest('hex'), file.md5);
  return { path, size, sha256: digest, downloaded: size - left, resumed: left, cached: 0 };
}

/**
 * Hashes and writes a piece, each part while the processor has it at hand. At once, not on threads, which are on other
 * processors: the system only takes the bytes into its memory, of which {@link SteadySync} leaves it enough.
 */
function writeHashed(file: number, piece: Buffer, hashes: readonly Hash[]): void {
  for (const slice of slicesOf(piece)) {
    for (const hash of hashes) hash.update(slice);
    writeWhole(file, slice);
  }
}
