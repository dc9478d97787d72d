import { createHash, type Hash } from 'node:crypto';
import { constants, createReadStream } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import { codeOf } from '../http/retry.ts';

/** Bytes copied at once: what fits into the cache next to a processor. */
const CHUNK = 256 * 1024;

/** Codes of a file system that cannot share blocks, or not with the other one. */
const NO_CLONES = ['ENOTSUP', 'EOPNOTSUPP', 'EXDEV', 'EINVAL', 'ENOSYS', 'ENOTTY', 'EPERM', 'UNKNOWN'];

/**
 * Makes a second file with the content of a first one, such that a change of one never shows in the other. Shares the blocks on the disk
 * where the file system can (btrfs, XFS, ReFS, APFS), which takes no time and no room.
 *
 * @returns whether it could; nothing is at `target` otherwise
 */
export async function clone(source: string, target: string): Promise<boolean> {
  try {
    await copyFile(source, target, constants.COPYFILE_FICLONE_FORCE | constants.COPYFILE_EXCL);
    await flush(target);
    return true;
  } catch (error) {
    if (NO_CLONES.includes(codeOf(error) ?? '')) return false;
    throw error;
  }
}

/**
 * Copies a file byte by byte.
 *
 * @param also takes the bytes as well
 * @returns the SHA-256 of what was copied, in hexadecimal
 */
export async function copy(source: string, target: string, signal: AbortSignal, also?: Hash): Promise<string> {
  const sha256 = createHash('sha256');
  const handle = await open(target, 'wx');
  try {
    for await (const chunk of createReadStream(source, { highWaterMark: CHUNK, signal }) as AsyncIterable<Buffer>) {
      const written = handle.writeFile(chunk);
      sha256.update(chunk);
      also?.update(chunk);
      await written;
    }
    await handle.datasync();
  } finally {
    await handle.close();
  }
  return sha256.digest('hex');
}

/**
 * SHA-256 of a file, in hexadecimal.
 *
 * @param also takes the bytes as well
 */
export async function sha256Of(location: string, signal: AbortSignal, also?: Hash): Promise<string> {
  const sha256 = createHash('sha256');
  for await (const chunk of createReadStream(location, { highWaterMark: CHUNK, signal }) as AsyncIterable<Buffer>) {
    sha256.update(chunk);
    also?.update(chunk);
  }
  return sha256.digest('hex');
}

async function flush(location: string): Promise<void> {
  const handle = await open(location, 'r+');
  try {
    await handle.datasync();
  } finally {
    await handle.close();
  }
}
