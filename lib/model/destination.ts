import { randomBytes } from 'node:crypto';
import { type Stats } from 'node:fs';
import { mkdir, readdir, realpath, rename, rm, stat, statfs } from 'node:fs/promises';
import { basename, dirname, join, resolve } from 'node:path';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { codeOf } from '../http/retry.ts';
import { DestinationRecord, type RecordedModel } from './destination-record.ts';
import type { DigestedFile } from './model-digest.ts';
import type { ResolvedModel } from './resolved-model.ts';

/**
 * The folder that a model goes into. Beside it, hidden, stands a record of what was put there, so that a self-hosted agent
 * which runs again into the same folder downloads nothing it has, and replaces nothing that it did not bring.
 *
 * A fetch works in a sibling folder, which takes the destination's place by a rename at its end.
 */
export class Destination {
  /** Absolute. */
  readonly path: string;
  readonly #record: DestinationRecord;

  private constructor(path: string) {
    this.path = path;
    this.#record = new DestinationRecord(path);
  }

  /**
   * Looks whether a model may go there: nothing is there, or an empty folder, or what a fetch put there.
   *
   * @throws DeliveryError `DESTINATION_NOT_OURS`, `DESTINATION_INVALID`
   */
  static async examine(folder: string): Promise<Destination> {
    // A link is followed, so that what it leads to is replaced and not the link.
    const path = resolve(folder);
    const destination = new Destination(await realpath(path).catch(() => path));
    if (dirname(destination.path) === destination.path) throw invalid(destination.path, 'it is the root of a disk');
    const present = await destination.#present();
    const known = await destination.#record.paths();
    const foreign = present.find(({ path }) => !known.has(path));
    if (foreign !== undefined) throw notOurs(destination.path, foreign.path);
    return destination;
  }

  /** The files of the model, if exactly they are there, untouched since they were verified; else undefined. */
  async holds(model: ResolvedModel): Promise<readonly DigestedFile[] | undefined> {
    const present = new Map((await this.#present()).map(({ path, stats }) => [path, stats]));
    const recorded = (await this.#record.models()).find(({ fingerprint }) => fingerprint === model.fingerprint);
    if (present.size !== recorded?.files.length) return undefined;
    const untouched = recorded.files.every(({ path, size, modified }) => {
      const stats = present.get(path);
      return stats?.size === size && stats.mtimeMs === modified;
    });
    return untouched ? recorded.files.map(({ path, size, sha256 }) => ({ path, size, sha256 })) : undefined;
  }

  /**
   * Makes a folder to download into, once the disk has been seen to have room.
   *
   * @param size of what will come, in bytes
   * @throws DeliveryError `DISK_FULL`, `DESTINATION_NOT_WRITABLE`
   */
  async stage(size: number): Promise<Staging> {
    const parent = dirname(this.path);
    const staging = new Staging(this.path, this.#record);
    try {
      await mkdir(parent, { recursive: true });
      await removeLeftovers(this.path);
      const { bavail, bsize } = await statfs(parent);
      if (bavail * bsize < size) throw diskFull(this.path, size);
      await mkdir(staging.path);
    } catch (error) {
      throw staging.explain(error);
    }
    return staging;
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
        return { path, stats: await stat(location) };
      }),
    );
  }
}

/** A folder beside the destination that is not there yet for anybody else. */
export class Staging {
  readonly path: string;
  readonly #destination: string;
  readonly #record: DestinationRecord;

  constructor(destination: string, record: DestinationRecord) {
    this.#destination = destination;
    this.#record = record;
    this.path = siblingOf(destination, 'fetching');
  }

  /** Where to write a file of the model; its folder is made. */
  async place(path: string): Promise<string> {
    const location = join(this.path, ...path.split('/'));
    try {
      await mkdir(dirname(location), { recursive: true });
    } catch (error) {
      throw this.explain(error);
    }
    return location;
  }

  /**
   * Becomes the destination. The record names both the old and the new content until that is done, so that whenever this is cut
   * short, the next fetch knows what is there as its own.
   *
   * @throws DeliveryError `DESTINATION_BUSY`, `DESTINATION_NOT_WRITABLE`
   */
  async takePlace(model: ResolvedModel, files: readonly DigestedFile[]): Promise<void> {
    const previous = siblingOf(this.#destination, 'replaced');
    try {
      const recorded = await this.#recorded(model, files);
      await this.#record.announce(recorded);
      const replaced = await renameIfThere(this.#destination, previous);
      try {
        await rename(this.path, this.#destination);
      } catch (error) {
        if (replaced) await rename(previous, this.#destination);
        throw error;
      }
      await this.#record.settle(recorded);
      if (replaced) await rm(previous, { recursive: true, force: true });
    } catch (error) {
      throw this.explain(error);
    }
  }

  async discard(): Promise<void> {
    await rm(this.path, { recursive: true, force: true });
  }

  /** What a failed file operation means to the user. */
  explain(error: unknown): unknown {
    const code = codeOf(error);
    if (error instanceof DeliveryError || code === undefined) return error;
    if (code === 'ENOSPC' || code === 'EDQUOT') return diskFull(this.#destination, undefined, error);
    if (code === 'EACCES' || code === 'EPERM' || code === 'EROFS') return notWritable(this.#destination, error);
    if (code === 'ENOTEMPTY' || code === 'EEXIST' || code === 'EBUSY') return busy(this.#destination, error);
    if (code === 'ENOTDIR' || code === 'ENAMETOOLONG') return invalid(this.#destination, messageOf(error), error);
    return error;
  }

  async #recorded({ fingerprint, uri }: ResolvedModel, files: readonly DigestedFile[]): Promise<RecordedModel> {
    const times = files.map(async (file) => {
      const { mtimeMs } = await stat(join(this.path, ...file.path.split('/')));
      return { ...file, modified: mtimeMs };
    });
    return { fingerprint, uri, files: await Promise.all(times) };
  }
}

/** Removes the working folders beside a destination whose processes were killed. */
async function removeLeftovers(destination: string): Promise<void> {
  const parent = dirname(destination);
  const pattern = /^\.(.*)\.(?:fetching|replaced)-(\d+)-[0-9a-f]{8}$/s;
  for (const name of await readdir(parent)) {
    const [, of, pid] = pattern.exec(name) ?? [];
    if (of === basename(destination) && !isRunning(Number(pid)))
      await rm(join(parent, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

function siblingOf(destination: string, purpose: 'fetching' | 'replaced'): string {
  const unique = `${process.pid}-${randomBytes(4).toString('hex')}`;
  return join(dirname(destination), `.${basename(destination)}.${purpose}-${unique}`);
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

function invalid(path: string, problem: string, cause?: unknown): DeliveryError {
  return new DeliveryError('DESTINATION_INVALID', {
    message: `The destination ${path} cannot be used: ${problem}.`,
    remedy: 'Choose a folder that holds nothing but the model.',
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

function busy(path: string, cause: unknown): DeliveryError {
  return new DeliveryError('DESTINATION_BUSY', {
    message: `The destination ${path} is in use by somebody else: ${messageOf(cause)}.`,
    remedy: 'Give each fetch that may run at the same time a folder of its own.',
    cause,
  });
}

function diskFull(path: string, size: number | undefined, cause?: unknown): DeliveryError {
  return new DeliveryError('DISK_FULL', {
    message: `The disk of ${path} has no room for the model${size === undefined ? '' : ` of ${size} bytes`}.`,
    remedy: 'Make room or choose another destination. What was there is unchanged.',
    cause,
  });
}
