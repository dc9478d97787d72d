import { createHash, type Hash, randomUUID } from 'node:crypto';
import type { Stats } from 'node:fs';
import { lstat, mkdir, readdir, readFile, rename, rm, utimes, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { codeOf } from '../http/retry.ts';
import { clone, copy, sha256Of } from './clone-or-copy.ts';
import type { ModelFile } from './resolved-model.ts';

/** What a killed job has left in `incoming` is nobody's after this long, in milliseconds. */
const ABANDONED = 24 * 60 * 60_000;

/** A file of the cache. */
interface Entry {
  readonly location: string;
  readonly sha256: string;
  readonly stats: Stats;
}

/**
 * A folder of files by their SHA-256, which jobs of one machine share:
 *
 *     files/ab/ab12…     the content; its time of access says when it was last used
 *     known/cd/cd34…     the SHA-256 of a blob, by its address, size and ETag, for stores that do not know it
 *     incoming/…         what is being written; renamed when it is whole
 *
 * Jobs need no lock: a file appears whole by a rename, has one content for ever, and is given out as a clone or a copy, so that
 * nothing a job does to its model reaches the cache. What is given out is hashed each time, whatever has become of the cache
 * meanwhile: that costs less than a second for a GB, and a wrong model costs more. One that is removed while it is read is as good as not there.
 */
export class ContentCache {
  readonly #folder: string;
  /** In bytes. */
  readonly #bound: number;
  /** Whether its disk can share blocks with the destination's; assumed until it has refused. */
  #clones = true;
  #kept = false;

  private constructor(folder: string, bound: number) {
    this.#folder = folder;
    this.#bound = bound;
  }

  /**
   * @param bound bytes that it may hold
   * @throws DeliveryError `CACHE_NOT_WRITABLE`
   */
  static async open(folder: string, bound: number): Promise<ContentCache> {
    try {
      for (const part of ['files', 'known', 'incoming']) await mkdir(join(folder, part), { recursive: true });
      const probe = join(folder, 'incoming', randomUUID());
      await writeFile(probe, '');
      await rm(probe);
    } catch (cause) {
      throw new DeliveryError('CACHE_NOT_WRITABLE', {
        message: `The cache ${folder} cannot be used: ${messageOf(cause)}.`,
        remedy: "Set cacheFolder to a folder that the agent's user may write to, or leave it empty.",
        cause,
      });
    }
    return new ContentCache(folder, bound);
  }

  /**
   * Puts a file of a model where it shall be, if the cache has it.
   *
   * @param location nothing may be there
   * @returns its SHA-256, which was verified; undefined where the cache does not have it
   */
  async take(file: ModelFile, location: string, signal: AbortSignal): Promise<string | undefined> {
    const sha256 = file.sha256 ?? (await this.#known(file.identity));
    if (sha256 === undefined) return undefined;
    const source = this.#at('files', sha256);
    const found = await statsOf(source);
    if (found?.size !== file.size) return undefined;
    // Whoever may write to the cache chooses what is known of a blob, but not what the store says.
    const md5 = file.sha256 === undefined && file.md5 !== undefined ? createHash('md5') : undefined;
    const given = await this.#give(source, location, sha256, signal, md5);
    if (given && (md5 === undefined || md5.digest('hex') === file.md5)) {
      // That of another user can be read but not touched; it is removed earlier then.
      await utimes(source, new Date(), found.mtime).catch(() => undefined);
      return sha256;
    }
    await rm(location, { force: true });
    return undefined;
  }

  /** Takes up a file that was verified just now. What goes wrong with that is no failure of the fetch. */
  async keep(file: ModelFile, sha256: string, location: string, signal: AbortSignal): Promise<void> {
    const target = this.#at('files', sha256);
    const incoming = join(this.#folder, 'incoming', randomUUID());
    try {
      if ((await statsOf(target))?.size !== file.size) {
        if ((await this.#cloneOrCopy(location, incoming, signal)) !== sha256) return;
        await mkdir(dirname(target), { recursive: true });
        await rename(incoming, target);
        this.#kept = true;
      }
      const known = file.sha256 ?? (await this.#known(file.identity));
      if (known !== sha256) await this.#learn(file.identity, sha256);
    } catch {
      signal.throwIfAborted();
    } finally {
      await rm(incoming, { force: true }).catch(() => undefined);
    }
  }

  /** Whether so many bytes can be kept at all. */
  fits(size: number): boolean {
    return size <= this.#bound;
  }

  /** Removes what was used longest ago until the rest is within the bound; never what is needed now. */
  async trim(needed: ReadonlySet<string>): Promise<void> {
    // Others may be trimming at the same time; what does not succeed here will at the next fetch.
    if (this.#kept) await this.#trim(needed).catch(() => undefined);
  }

  async #trim(needed: ReadonlySet<string>): Promise<void> {
    const entries = await this.#entries();
    let size = entries.reduce((sum, { stats }) => sum + stats.size, 0);
    for (const { location, sha256, stats } of entries.sort((a, b) => a.stats.atimeMs - b.stats.atimeMs)) {
      if (size <= this.#bound) break;
      if (needed.has(sha256)) continue;
      await rm(location, { force: true }).catch(() => undefined);
      size -= stats.size;
    }
    await this.#sweep();
  }

  /** Whether the content was given. What is not what its name says is removed. */
  async #give(source: string, location: string, sha256: string, signal: AbortSignal, md5?: Hash): Promise<boolean> {
    try {
      if ((await this.#cloneOrCopy(source, location, signal, md5)) === sha256) return true;
    } catch (error) {
      signal.throwIfAborted();
      // Gone meanwhile, or not to be read: as good as not there. All else is wrong with the destination.
      if (!['ENOENT', 'EIO', 'EACCES'].includes(codeOf(error) ?? '')) throw error;
      return false;
    }
    await rm(source, { force: true }).catch(() => undefined);
    return false;
  }

  /** Makes a second file with the content of a first; returns the SHA-256 of the second, whose bytes another hash may take as well. */
  async #cloneOrCopy(source: string, target: string, signal: AbortSignal, also?: Hash): Promise<string> {
    this.#clones &&= await clone(source, target);
    return this.#clones ? sha256Of(target, signal, also) : copy(source, target, signal, also);
  }

  async #known(identity: string | undefined): Promise<string | undefined> {
    if (identity === undefined) return undefined;
    const text = await readFile(this.#at('known', nameOf(identity)), 'utf8').catch(() => '');
    return /^[0-9a-f]{64}$/.test(text) ? text : undefined;
  }

  async #learn(identity: string | undefined, sha256: string): Promise<void> {
    if (identity === undefined) return;
    const target = this.#at('known', nameOf(identity));
    const incoming = join(this.#folder, 'incoming', randomUUID());
    await writeFile(incoming, sha256);
    await mkdir(dirname(target), { recursive: true });
    await rename(incoming, target);
  }

  async #entries(): Promise<Entry[]> {
    const found = await filesBelow(join(this.#folder, 'files'));
    return found.map(({ name, location, stats }) => ({ sha256: name, location, stats }));
  }

  /** Removes what killed jobs have left, and what is known of content that is gone. */
  async #sweep(): Promise<void> {
    for (const { location, stats } of await filesBelow(join(this.#folder, 'incoming'))) {
      if (Date.now() - stats.mtimeMs > ABANDONED && Date.now() - stats.ctimeMs > ABANDONED)
        await rm(location, { force: true });
    }
    for (const { location } of await filesBelow(join(this.#folder, 'known'))) {
      const sha256 = await readFile(location, 'utf8').catch(() => '');
      if ((await statsOf(this.#at('files', sha256))) === undefined) await rm(location, { force: true });
    }
  }

  #at(part: 'files' | 'known', name: string): string {
    return join(this.#folder, part, name.slice(0, 2), name);
  }
}

function nameOf(identity: string): string {
  return createHash('sha256').update(identity).digest('hex');
}

/** What the file system says of a plain file; undefined where there is none. */
async function statsOf(location: string): Promise<Stats | undefined> {
  const found = await lstat(location).catch(() => undefined);
  return found?.isFile() === true ? found : undefined;
}

async function filesBelow(
  folder: string,
): Promise<readonly { readonly name: string; readonly location: string; readonly stats: Stats }[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  const found = await Promise.all(
    entries.map(async ({ name, parentPath }) => {
      const location = join(parentPath, name);
      return { name, location, stats: await statsOf(location) };
    }),
  );
  return found.flatMap(({ name, location, stats }) => (stats === undefined ? [] : [{ name, location, stats }]));
}
