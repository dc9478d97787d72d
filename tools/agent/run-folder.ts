// What a run leaves behind: its log, summaries, attachments, artifacts and test results.
import { cp, mkdir, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { HOME } from '../services/state-folder.ts';
import type { HandedFile } from './step-output.ts';

/** Folder of each kind of file within the run's folder. */
const FOLDERS: Readonly<Record<HandedFile['kind'], string>> = {
  summary: 'summaries',
  attachment: 'attachments',
  artifact: 'artifacts',
  testResults: 'test-results',
  file: 'files',
};

/** The folder of one run on this machine. Runs are counted from 1. */
export class RunFolder {
  readonly path: string;
  readonly number: number;

  private constructor(path: string, number: number) {
    this.path = path;
    this.number = number;
  }

  /** Makes the next run's folder; two runs that begin at once get two numbers. */
  static async next(home = HOME): Promise<RunFolder> {
    const runs = join(home, 'state', 'runs');
    await mkdir(runs, { recursive: true });
    for (let number = (await lastOf(runs)) + 1; ; number++) {
      const path = join(runs, String(number));
      try {
        await mkdir(path);
        return new RunFolder(path, number);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
      }
    }
  }

  /** Keeps what a step has handed over, below the step's own name where names could meet. */
  async keep(file: HandedFile, step: string): Promise<void> {
    const below = file.kind === 'attachment' || file.kind === 'artifact' ? [file.type] : [];
    const owner = file.kind === 'artifact' ? [] : [step];
    const folder = join(this.path, FOLDERS[file.kind], ...below, ...owner);
    await mkdir(folder, { recursive: true });
    // The content of a folder becomes the artifact's own.
    const isFolder = (await stat(file.path)).isDirectory();
    await cp(file.path, isFolder ? folder : join(folder, file.name), { recursive: true });
  }

  /** Removes the jobs' folders, which the jobs have emptied. */
  async removeWork(): Promise<void> {
    await rm(join(this.path, 'work'), { recursive: true, force: true });
  }

  async write(name: string, content: string): Promise<void> {
    await writeFile(join(this.path, name), content);
  }
}

async function lastOf(runs: string): Promise<number> {
  return Math.max(0, ...(await readdir(runs)).map(Number).filter(Number.isInteger));
}
