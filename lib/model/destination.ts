import { createHash } from 'node:crypto';
import { type Stats } from 'node:fs';
import { lstat, mkdir, readdir, realpath, rename, rm, rmdir, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { diskFull, isDiskFull } from '../errors/disk-full.ts';
import { codeOf } from '../http/retry.ts';
import { DestinationRecord, lineageOf, type RecordedModel } from './destination-record.ts';
import { FolderLock, type Holder } from './folder-lock.ts';
import { type DigestedFile, totalSize } from './model-digest.ts';
import type { Reporter } from './progress.ts';
import type { ResolvedModel } from './resolved-model.ts';
import { Staging } from './staging.ts';

/** Folders beside a destination while a fetch is at work. */
const LEFTOVER = /^(?:fetching-[0-9a-f]{16}|replaced)$/;

/** A fetch that waits for another gives up after this long, in milliseconds: models of hundreds of GB take their time. */
const WAIT_LIMIT = 2 * 60 * 60_000;

/**
 * The folder that a model goes into. Beside it, hidden, stands a record of what was put there, so that a self-hosted agent
 * which runs again into the same folder downloads nothing it has, and replaces nothing that it did not bring.
 *
 * A fetch works in a sibling folder, which takes the destination's place by a rename at its end. One fetch at a time does so.
 */
export class Destination {
  /** Absolute. */
  readonly path: string;
  readonly #record: DestinationRecord;
  /** There while work is done {@link alone}. */
  #lock: FolderLock | undefined;

  private constructor(path: string) {
    this.path = path;
    this.#record = new DestinationRecord(path);
  }

  /** @throws DeliveryError `DESTINATION_INVALID` */
  static async at(folder: string): Promise<Destination> {
    // A link is followed, so that what it leads to is replaced and not the link.
    const path = resolve(folder);
    const destination = new Destination(await realpath(path).catch(() => path));
    if (dirname(destination.path) === destination.path) throw invalid(destination.path, 'it is the root of a disk');
    return destination;
  }

  /**
   * What the record says of the model, if exactly its files are there, untouched since they were verified; else undefined.
   *
   * @throws DeliveryError `DESTINATION_INVALID`, `DESTINATION_NOT_WRITABLE`
   */
  async holds(model: ResolvedModel): Promise<RecordedModel | undefined> {
    const found = await this.#present().catch((error: unknown) => {
      // Another fetch is just putting its model in the place of what was there.
      if (codeOf(error) === 'ENOENT') return [];
      throw this.explain(error);
    });
    const present = new Map(found.map(({ path, stats }) => [path, stats]));
    const recorded = (await this.#record.models()).find(({ fingerprint }) => fingerprint === model.fingerprint);
    if (present.size !== recorded?.files.length) return undefined;
    const untouched = recorded.files.every(({ path, size, modified }) => {
      const stats = present.get(path);
      return stats?.size === size && stats.mtimeMs === modified;
    });
    return untouched ? recorded : undefined;
  }

  /**
   * Records what the model that is there is called now: the same content may have several versions. Only for who works
   * {@link alone}.
   */
  async relabel(held: RecordedModel, model: ResolvedModel): Promise<void> {
    await this.#record.settle({ ...held, lineage: lineageOf(model) });
  }

  /**
   * Does work on the destination while no other fetch does; waits until the other is done.
   *
   * @throws DeliveryError `DESTINATION_BUSY`, `DESTINATION_NOT_WRITABLE`
   */
  async alone<T>(work: () => Promise<T>, reporter: Reporter, signal: AbortSignal): Promise<T> {
    const waiting = (holder: Holder | undefined): void => {
      const who = holder === undefined ? '' : ` (process ${holder.pid} on ${holder.host})`;
      reporter.note(`Another fetch${who} is at work on ${this.path}; waiting for it.`);
    };
    try {
      await mkdir(dirname(this.path), { recursive: true });
      this.#lock = await FolderLock.acquire(this.#beside('lock'), { limit: WAIT_LIMIT, waiting, signal });
      if (this.#lock === undefined)
        throw busy(this.path, `another fetch has been at work for ${WAIT_LIMIT / 60_000} minutes`);
      await this.#recover();
      return await work();
    } catch (error) {
      throw this.explain(error);
    } finally {
      await this.#lock?.release();
      this.#lock = undefined;
    }
  }

  /** Whether the work that is done {@link alone} still is: a machine that stood still for long may have lost that to another one. */
  async isAlone(): Promise<boolean> {
    return (await this.#lock?.isHeld()) === true;
  }

  /**
   * Opens the folder to download into, with what an interrupted fetch of the same content has left there, once it is seen that the
   * destination may be replaced and that the disk has room. Only for who works {@link alone}.
   *
   * @throws DeliveryError `DESTINATION_INVALID`, `DESTINATION_NOT_OURS`, `DISK_FULL`, `DESTINATION_NOT_WRITABLE`
   */
  async stage(model: ResolvedModel): Promise<Staging> {
    await this.#checkPlain();
    await this.#checkOurs();
    const key = createHash('sha256').update(model.fingerprint).digest('hex').slice(0, 16);
    const path = this.#beside(`fetching-${key}`);
    await this.#removeLeftovers(path);
    const staging = await Staging.open(path, model.fingerprint);
    const size = totalSize(model.files);
    const { bavail, bsize } = await statfs(dirname(this.path));
    if (bavail * bsize >= size - staging.left) return staging;
    await staging.discard();
    throw diskFull(this.path, `the model of ${size} bytes`);
  }

  /**
   * Lets what was staged become the destination. The record names both the old and the new content until that is done, so that
   * whenever this is cut short, the next fetch knows what is there as its own.
   *
   * @throws DeliveryError `DESTINATION_BUSY`, `DESTINATION_NOT_WRITABLE`
   */
  async replaceBy(staging: Staging, model: ResolvedModel, files: readonly DigestedFile[]): Promise<void> {
    const previous = this.#beside('replaced');
    const recorded = await this.#recordOf(staging.files, model, files);
    if (!(await this.isAlone())) throw busy(this.path, 'another fetch took it over while this one stood still');
    await this.#record.announce(recorded);
    const replaced = await this.#moveAside(previous);
    try {
      await rename(staging.files, this.path);
    } catch (error) {
      if (replaced) await rename(previous, this.path);
      throw error;
    }
    await this.#record.settle(recorded);
    if (replaced) await rm(previous, { recursive: true, force: true });
  }

  /** Makes room for another folder; false where there was nothing to keep. */
  async #moveAside(previous: string): Promise<boolean> {
    try {
      return await renameIfThere(this.path, previous);
    } catch (error) {
      if (codeOf(error) !== 'EXDEV') throw error;
      // A container cannot rename a folder of its image, but it can remove one that is empty.
      await rmdir(this.path).catch(() => {
        throw error;
      });
      return false;
    }
  }

  /** What a failed file operation means to the user. */
  explain(error: unknown): unknown {
    const code = codeOf(error);
    if (error instanceof DeliveryError || code === undefined) return error;
    if (isDiskFull(error)) return diskFull(this.path, 'the model', error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return notWritable(this.path, error);
    // Both names are on one disk here, but a container can only copy a folder of its image.
    if (code === 'EXDEV') return irreplaceable(this.path, "it belongs to the container's image", error);
    if (isMountPoint(error)) return irreplaceable(this.path, 'a folder is mounted there', error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EBUSY') return busy(this.path, messageOf(error), error);
    // All that a fetch works with it has made itself.
    if (code === 'ENOENT')
      return busy(this.path, `somebody removed what was being written (${messageOf(error)})`, error);
    if (code === 'ENOTDIR' || code === 'ENAMETOOLONG') return invalid(this.path, messageOf(error), error);
    return error;
  }

  /**
   * What is mounted has another disk than the folder around it, and no rename could put anything in its place. Where it is a folder
   * of the same disk, only the rename itself tells.
   */
  async #checkPlain(): Promise<void> {
    const [own, parent] = await Promise.all(
      [this.path, dirname(this.path)].map((path) => stat(path).catch(() => undefined)),
    );
    if (own !== undefined && own.dev !== parent?.dev) throw irreplaceable(this.path, 'a disk is mounted there');
  }

  /** Nothing may be there, or an empty folder, or what a fetch put there. */
  async #checkOurs(): Promise<void> {
    const known = await this.#record.paths();
    const foreign = (await this.#present()).find(({ path }) => !known.has(path));
    if (foreign !== undefined) throw notOurs(this.path, foreign.path);
  }

  /** A fetch that was killed between its two renames has left no destination, but the old one is still there. */
  async #recover(): Promise<void> {
    if ((await stat(this.path).catch(() => undefined)) === undefined) {
      await renameIfThere(this.#beside('replaced'), this.path);
    }
  }

  /** Removes what other fetches into this destination, of other content, have left beside it. */
  async #removeLeftovers(but: string): Promise<void> {
    const parent = dirname(this.path);
    const own = basename(this.#beside(''));
    for (const name of await readdir(parent)) {
      const isLeftover = name.startsWith(own) && LEFTOVER.test(name.slice(own.length));
      if (isLeftover && join(parent, name) !== but) await rm(join(parent, name), { recursive: true, force: true });
    }
  }

  /** A hidden file or folder on the same disk. */
  #beside(purpose: string): string {
    return join(dirname(this.path), `.${basename(this.path)}.${purpose}`);
  }

  async #present(): Promise<readonly { readonly path: string; readonly stats: Stats }[]> {
    const found = await stat(this.path).catch((error: unknown) => {
      if (codeOf(error) === 'ENOENT') return undefined;
      throw invalid(this.path, messageOf(error));
    });
    if (found === undefined) return [];
    if (!found.isDirectory()) throw invalid(this.path, 'there is a file of that name');
    const entries = await readdir(this.path, { recursive: true, withFileTypes: true });
    const files = entries.filter((entry) => !entry.isDirectory());
    return Promise.all(
      files.map(async (entry) => {
        const location = join(entry.parentPath, entry.name);
        const path = location.slice(this.path.length + 1).replaceAll('\\', '/');
        return { path, stats: await lstat(location) };
      }),
    );
  }

  /** Only where all is there just as it was written. */
  async #recordOf(folder: string, model: ResolvedModel, files: readonly DigestedFile[]): Promise<RecordedModel> {
    const times = files.map(async (file) => {
      const { size, mtimeMs } = await stat(join(folder, file.path));
      if (size !== file.size) throw busy(this.path, `somebody wrote to ${JSON.stringify(file.path)} as well`);
      return { ...file, modified: mtimeMs };
    });
    return { fingerprint: model.fingerprint, lineage: lineageOf(model), files: await Promise.all(times) };
  }
}

async function renameIfThere(from: string, to: string): Promise<boolean> {
  try {
    await rename(from, to);
    return true;
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return false;
    throw error;
  }
}

/** Whether a rename failed because of a mount point. In Windows it fails like that where somebody has a file open. */
function isMountPoint(error: unknown): boolean {
  const { code, syscall } = error as NodeJS.ErrnoException;
  return code === 'EBUSY' && syscall === 'rename' && process.platform !== 'win32';
}

function invalid(path: string, problem: string, cause?: unknown): DeliveryError {
  return new DeliveryError('DESTINATION_INVALID', {
    message: `The destination ${path} cannot be used: ${problem}.`,
    remedy: 'Choose a folder that holds nothing but the model.',
    cause,
  });
}

function irreplaceable(path: string, why: string, cause?: unknown): DeliveryError {
  return new DeliveryError('DESTINATION_INVALID', {
    message: `The destination ${path} cannot be used: ${why}, so it cannot be replaced as a whole.`,
    remedy: `Choose a folder below it, such as ${join(path, 'model')}.`,
    cause,
  });
}

function notOurs(path: string, file: string): DeliveryError {
  return new DeliveryError('DESTINATION_NOT_OURS', {
    message: `The destination ${path} holds ${JSON.stringify(file)}, which no fetch put there.`,
    remedy: 'Choose a folder that holds nothing but the model, or remove what is in it.',
  });
}

function notWritable(path: string, cause: unknown): DeliveryError {
  return new DeliveryError('DESTINATION_NOT_WRITABLE', {
    message: `The destination ${path} cannot be written: ${messageOf(cause)}.`,
    remedy: "Choose a folder that the agent's user may write to.",
    cause,
  });
}

function busy(path: string, why: string, cause?: unknown): DeliveryError {
  return new DeliveryError('DESTINATION_BUSY', {
    message: `The destination ${path} is in use by somebody else: ${why}.`,
    remedy: 'Give each fetch that may run at the same time a folder of its own.',
    cause,
  });
}
