// A disk of a few megabytes, to see what happens when it is full, or when nothing may be written to it.
import { spawnSync } from 'node:child_process';

/** A file system in memory, mounted over a folder. */
export class SmallDisk {
  readonly #folder: string;

  private constructor(folder: string) {
    this.#folder = folder;
  }

  /** Undefined where this machine does not let us. */
  static mount(folder: string, megabytes: number): SmallDisk | undefined {
    const { status } = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${megabytes}m`, 'tmpfs', folder]);
    return status === 0 ? new SmallDisk(folder) : undefined;
  }

  makeReadOnly(): void {
    spawnSync('mount', ['-o', 'remount,ro', this.#folder]);
  }

  unmount(): void {
    spawnSync('umount', [this.#folder]);
  }
}
