// A disk of a few megabytes, to see what happens when it is full, when nothing may be written to it, or where no rename can replace a
// folder.
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

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

  /** Mounts a folder over itself: a mount point, of the very disk that is around it. */
  bind(name: string): void {
    const folder = join(this.#folder, name);
    mkdirSync(folder);
    execFileSync('mount', ['--bind', folder, folder]);
  }

  /** Makes a folder of which all that is in `NAME-below` comes from a layer below, as in a container from its image. */
  layer(name: string): void {
    const folder = (part: string): string => join(this.#folder, part);
    const [below, above, work] = [`${name}-below`, `${name}-above`, `${name}-work`].map(folder);
    for (const path of [below, above, work, folder(name)]) mkdirSync(path ?? '', { recursive: true });
    const options = `lowerdir=${below},upperdir=${above},workdir=${work},redirect_dir=off`;
    execFileSync('mount', ['-t', 'overlay', '-o', options, 'overlay', folder(name)]);
  }

  unmount(): void {
    spawnSync('umount', ['--recursive', this.#folder]);
  }
}
