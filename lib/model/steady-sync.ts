import type { FileHandle } from 'node:fs/promises';

/** Bytes after which the disk is set to work. */
const INTERVAL = 64 * 1024 * 1024;

/**
 * Has the disk write a file while it still grows. Left to itself the system keeps what was written in memory, and the one
 * sync at the end waits for all of it: 1 of 5 seconds for 1 GiB. A disk that is slower than the network so
 * slows the download down, instead of filling the memory.
 */
export class SteadySync {
  readonly #file: FileHandle;
  #unsynced = 0;
  #running: Promise<void> = Promise.resolve();

  constructor(file: FileHandle) {
    this.#file = file;
  }

  /** To be told of each write. Waits where the disk has not yet done what it was given before. */
  async wrote(bytes: number): Promise<void> {
    this.#unsynced += bytes;
    if (this.#unsynced < INTERVAL) return;
    this.#unsynced = 0;
    await this.#running;
    this.#running = this.#file.datasync();
    // Its failure is met by whoever waits for it next.
    this.#running.catch(() => undefined);
  }

  /** Waits until all that was written is on the disk. */
  async finish(): Promise<void> {
    await this.#running;
    await this.#file.datasync();
  }

  /** Waits until nothing uses the file any more. */
  async settled(): Promise<void> {
    await this.#running.catch(() => undefined);
  }
}
