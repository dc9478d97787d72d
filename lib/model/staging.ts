import { createHash, type Hash } from 'node:crypto';
import { type FileHandle, lstat, mkdir, open, readdir, rm, truncate } from 'node:fs/promises';
import { closeSync, createReadStream, fdatasync, openSync, writeSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { codeOf } from '../http/retry.ts';
import { PIECE } from './piece-memory.ts';
import type { ModelFile } from './resolved-model.ts';
import { StagingJournal } from './staging-journal.ts';

/** A file that is being written, and what is known of it so far. */
export interface PartialFile {
  /** Writes at its end. */
  readonly handle: FileHandle;
  /** So many bytes of it are there already. */
  readonly bytes: number;
  /** Have taken these bytes. */
  readonly sha256: Hash;
  readonly md5: Hash | undefined;
}

/**
 * The hidden folder in which a model comes together:
 *
 *     files/…   what will be the destination
 *     journal   how far each file has come
 *
 * A fetch that was interrupted leaves it for the next one of the same content. It belongs to whoever holds the destination's lock.
 */
export class Staging {
  readonly path: string;
  /** Bytes that an earlier fetch has left here, if they are what its journal says. */
  readonly left: number;
  readonly #journal: StagingJournal;
  /** Folders that are there. */
  readonly #made = new Set<string>();

  private constructor(path: string, journal: StagingJournal) {
    this.path = path;
    this.#journal = journal;
    this.left = journal.bytes;
  }

  /** Makes the folder, or takes over what is in it. Throws what the file system says. */
  static async open(path: string, fingerprint: string): Promise<Staging> {
    if (!(await isOwnFolder(path))) await rm(path, { recursive: true, force: true });
    await mkdir(join(path, 'files'), { recursive: true });
    const journal = await StagingJournal.open(join(path, 'journal'), fingerprint);
    await removeUnknown(join(path, 'files'), journal);
    return new Staging(path, journal);
  }

  /** The folder that will be the destination. */
  get files(): string {
    return join(this.path, 'files');
  }

  /** Bytes that are here now, of earlier fetches and this one. */
  get written(): number {
    return this.#journal.bytes;
  }

  /** Where a file of the model is; its folder is made. */
  async place(path: string): Promise<string> {
    const location = join(this.files, path);
    const folder = dirname(location);
    if (!this.#made.has(folder)) await mkdir(folder, { recursive: true });
    this.#made.add(folder);
    return location;
  }

  /** Whether an earlier fetch has begun with a file. */
  hasBegun(path: string): boolean {
    return this.#journal.markOf(path) !== undefined;
  }

  /**
   * Opens a file of the model to write what is not there yet. What is there is read again and must be what the journal says.
   *
   * @throws what the file system says, and what aborted the signal
   */
  async open({ path, size, md5 }: ModelFile, signal: AbortSignal): Promise<PartialFile> {
    const location = await this.place(path);
    const mark = this.#journal.markOf(path);
    const hashes = () => ({ sha256: createHash('sha256'), md5: md5 === undefined ? undefined : createHash('md5') });
    if (mark !== undefined && mark.bytes <= size && (await sizeOf(location)) >= mark.bytes) {
      const read = hashes();
      await hashFirst(location, mark.bytes, [read.sha256, ...(read.md5 === undefined ? [] : [read.md5])], signal);
      if (read.sha256.copy().digest('hex') === mark.sha256) {
        await truncate(location, mark.bytes);
        return { handle: await open(location, 'a'), bytes: mark.bytes, ...read };
      }
    }
    // What has no mark was removed at the beginning.
    if (mark !== undefined) await rm(location, { recursive: true, force: true });
    return { handle: await open(location, 'ax'), bytes: 0, ...hashes() };
  }

  /**
   * Writes a small file as a whole. Of its three steps only the last one waits for the disk; the others are done sooner than a
   * thread is found for them, which for thousands of files takes longer than all the rest.
   */
  async put(path: string, bytes: Buffer, sha256: string): Promise<void> {
    const file = openSync(await this.place(path), 'ax');
    try {
      writeWhole(file, bytes);
      await promisify(fdatasync)(file);
    } finally {
      closeSync(file);
    }
    await this.mark(path, bytes.length, sha256);
  }

  /** Writes down that so many bytes of a file are there. */
  async mark(path: string, bytes: number, sha256: string): Promise<void> {
    await this.#journal.mark({ path, bytes, sha256 });
  }

  /** Leaves everything for the next fetch of the same content. */
  async close(): Promise<void> {
    await this.#journal.close();
  }

  async discard(): Promise<void> {
    await this.#journal.close();
    await rm(this.path, { recursive: true, force: true });
  }
}

/** Writes all of some bytes to the end of an open file, at once; the system may take them in parts. */
export function writeWhole(file: number, bytes: Buffer): void {
  for (let done = 0; done < bytes.length;) done += writeSync(file, bytes, done);
}

/** Whether a folder is there that this user has made: no link, and nobody else's. */
async function isOwnFolder(path: string): Promise<boolean> {
  try {
    const found = await lstat(path);
    return found.isDirectory() && (process.getuid === undefined || found.uid === process.getuid());
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Removes what no fetch of this content has written down: all that is in the folder becomes the destination. */
async function removeUnknown(folder: string, journal: StagingJournal): Promise<void> {
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    const location = join(entry.parentPath, entry.name);
    const path = location.slice(folder.length + 1).replaceAll('\\', '/');
    const isKnown = entry.isFile() && journal.markOf(path) !== undefined;
    if (!isKnown && !entry.isDirectory()) await rm(location, { force: true });
  }
}

/** Size of a plain file; 0 where there is none. */
async function sizeOf(location: string): Promise<number> {
  const found = await lstat(location).catch(() => undefined);
  return found?.isFile() === true ? found.size : 0;
}

async function hashFirst(location: string, bytes: number, hashes: readonly Hash[], signal: AbortSignal): Promise<void> {
  if (bytes === 0) return;
  const pieces = createReadStream(location, { end: bytes - 1, highWaterMark: PIECE, signal }) as AsyncIterable<Buffer>;
  try {
    for await (const piece of pieces) for (const hash of hashes) hash.update(piece);
  } catch (error) {
    // A stream that is aborted says so with an error of its own.
    signal.throwIfAborted();
    throw error;
  }
}
