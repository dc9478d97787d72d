// Runs programs and measures them from outside, each in the same way.
import { spawn } from 'node:child_process';
import { readFile, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** What one run of a program took. */
export interface Measure {
  /** Wall time of the whole process, from its start to its end. */
  readonly seconds: number;
  /** Processor time of all its processes, in seconds: it says more than wall time where the machine has other work. */
  readonly processor: number;
  /** Most memory that any one process of the program had at once, in bytes. */
  readonly peak: number;
}

/** GNU time, which knows the peak of a whole tree of processes. */
const TIME = '/usr/bin/time';

/**
 * Measures what `run` starts.
 *
 * @param run starts a program behind the given program and arguments, and rejects where it fails
 */
export async function measured(run: (wrapper: readonly string[]) => Promise<unknown>): Promise<Measure> {
  const report = join(tmpdir(), `time-${process.pid}-${Math.random().toString(36).slice(2)}`);
  try {
    await run([TIME, '--format', '%e %U %S %M', '--output', report]);
    const figures = (await readFile(report, 'utf8')).split(' ').map(Number);
    const [seconds = Number.NaN, user = Number.NaN, system = Number.NaN, kilobytes = Number.NaN] = figures;
    return { seconds, processor: user + system, peak: kilobytes * 1024 };
  } finally {
    await rm(report, { force: true });
  }
}

/** Runs a program to its end; what it prints is shown only where it fails. */
export async function runQuietly(
  [command = '', ...args]: readonly string[],
  env: Readonly<Record<string, string>> = {},
): Promise<void> {
  const child = spawn(command, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, ...env } });
  const said: Buffer[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on('data', (chunk: Buffer) => said.push(chunk));
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject);
    child.on('close', resolve);
  });
  if (code === 0) return;
  throw new Error(`${[command, ...args].join(' ')} ended with ${String(code)}:\n${Buffer.concat(said).toString()}`);
}
