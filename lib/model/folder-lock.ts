import { createHash, randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { readFile, rm, stat, utimes, writeFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import { codeOf, wait } from '../http/retry.ts';

/** How often a holder shows that it is alive, in milliseconds. */
const SIGN_INTERVAL = 5_000;
/** A holder that has shown nothing for this long is dead, in milliseconds. */
const SIGN_LIMIT = 60_000;
/** How often a waiting one looks again, in milliseconds. */
const LOOK_INTERVAL = 200;
/** The same while another one takes a dead lock away, which is a matter of moments. */
const CLAIM_INTERVAL = 20;

/** Who has a lock, as its file says. */
export interface Holder {
  readonly host: string;
  readonly pid: number;
  /** See {@link beginningOf}. */
  readonly began: string | undefined;
  /** Tells this lock from any other, also of the same process. */
  readonly token: string;
}

/**
 * A lock that is a file: whoever makes the file has the lock, on this machine or on another that shares the disk. The lock of a killed
 * process is taken over: at once where that ran on this machine, else after a minute without a sign of life. That a process on this
 * machine has shown none does not count where the system tells when processes began (Linux): after a pause of the machine, or a step
 * of its clock, it goes on.
 */
export class FolderLock {
  readonly #file: string;
  readonly #text: string;
  readonly #signs: NodeJS.Timeout;

  private constructor(file: string, text: string) {
    this.#file = file;
    this.#text = text;
    this.#signs = setInterval(() => void showLife(file), SIGN_INTERVAL).unref();
  }

  /**
   * Waits until the lock is free and takes it.
   *
   * @param waiting told once, before the first wait, who has it
   * @returns undefined where others still had it after `limit` milliseconds
   * @throws what the file system says where the file cannot be made
   */
  static async acquire(
    file: string,
    {
      limit,
      waiting,
      signal,
    }: { readonly limit: number; readonly waiting: (holder: Holder | undefined) => void; readonly signal: AbortSignal },
  ): Promise<FolderLock | undefined> {
    const { pid } = process;
    const own: Holder = { host: hostname(), pid, began: beginningOf(pid), token: randomUUID() };
    const text = JSON.stringify(own);
    const started = Date.now();
    for (let told = false; Date.now() - started < limit;) {
      signal.throwIfAborted();
      if (await created(file, text)) return new FolderLock(file, text);
      const found = await lookAt(file);
      if (found === undefined) continue;
      if (isDead(found)) {
        if (!(await takeAway(file, found, text))) await wait(CLAIM_INTERVAL, signal);
        continue;
      }
      if (!told) waiting(holderOf(found.text));
      told = true;
      await wait(LOOK_INTERVAL, signal);
    }
    return undefined;
  }

  /** Whether nobody has taken it over. */
  async isHeld(): Promise<boolean> {
    return (await lookAt(this.#file))?.text === this.#text;
  }

  async release(): Promise<void> {
    clearInterval(this.#signs);
    if (await this.isHeld()) await rm(this.#file, { force: true });
  }
}

interface Found {
  readonly text: string;
  /** Time of the last sign of life, in milliseconds since 1970. */
  readonly seen: number;
}

async function created(file: string, text: string): Promise<boolean> {
  try {
    await writeFile(file, text, { flag: 'wx' });
    return true;
  } catch (error) {
    if (codeOf(error) === 'EEXIST') return false;
    throw error;
  }
}

async function lookAt(file: string): Promise<Found | undefined> {
  try {
    const [text, { mtimeMs }] = await Promise.all([readFile(file, 'utf8'), stat(file)]);
    return { text, seen: mtimeMs };
  } catch (error) {
    if (codeOf(error) === 'ENOENT') return undefined;
    throw error;
  }
}

async function showLife(file: string): Promise<void> {
  const now = new Date();
  // A lock that is gone or cannot be touched now is of no concern before its limit.
  await utimes(file, now, now).catch(() => undefined);
}

function isDead({ text, seen }: Found): boolean {
  const holder = holderOf(text);
  const isSilent = Date.now() - seen > SIGN_LIMIT;
  if (holder?.host !== hostname()) return isSilent;
  if (!isRunning(holder.pid)) return true;
  // Its number may be that of a later process, as after a restart. Where the system tells no beginnings, only silence shows that.
  const found = beginningOf(holder.pid);
  return found === undefined || holder.began === undefined ? isSilent : found !== holder.began;
}

/** Who holds a lock; undefined where its file is not written yet, or by somebody else. */
function holderOf(text: string): Holder | undefined {
  try {
    return JSON.parse(text) as Holder;
  } catch {
    return undefined;
  }
}

/**
 * What tells a process from others that have its number earlier or later: when it began, as Linux counts it. Undefined where the
 * system does not say.
 */
function beginningOf(pid: number): string | undefined {
  try {
    // Behind the name of its program, which may hold anything: its state, and 19 fields later its beginning.
    const [state, ...fields] = readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ');
    // Nobody has taken notice of its end yet.
    return state === 'Z' ? 'ended' : fields[18];
  } catch {
    return undefined;
  }
}

function isRunning(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch (error) {
    return codeOf(error) === 'EPERM';
  }
}

/**
 * Removes the lock of a dead holder, by a claim to just that lock, which one process at a time has: several may find it dead at
 * once, and a slower one must not remove the lock of the faster. The claim of a process that was killed just then is a dead
 * lock as well, and taken away in the same way.
 *
 * @returns false where another process has the claim
 */
async function takeAway(file: string, dead: Found, text: string): Promise<boolean> {
  const claim = `${file}.${createHash('sha256').update(dead.text).digest('hex').slice(0, 16)}`;
  if (!(await created(claim, text))) {
    const other = await lookAt(claim);
    return other === undefined || (isDead(other) && (await takeAway(claim, other, text)));
  }
  try {
    const found = await lookAt(file);
    if (found?.text === dead.text && found.seen === dead.seen) await rm(file, { force: true });
  } finally {
    await rm(claim, { force: true });
  }
  return true;
}
