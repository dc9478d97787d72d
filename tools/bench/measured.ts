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
  /** What its processes put onto disks, in bytes; what others did for them does not count. */
  readonly written: number;
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
    await run([TIME, '--format', '%e %U %S %M %O', '--output', report]);
    const figures = (await readFile(report, 'utf8')).split(' ').map(Number);
    const [seconds = NaN, user = NaN, system = NaN, kilobytes = NaN, blocks = NaN] = figures;
    return { seconds, processor: user + system, peak: kilobytes * 1024, written: blocks * 512 };
  } finally {
    await rm(report, { force: true });
  }
}

/** Steps one after another, as one measure. */
export async function inTurn(steps: readonly (() => Promise<Measure>)[]): Promise<Measure> {
  const measures: Measure[] = [];
  for (const step of steps) measures.push(await step());
  const sum = (figure: (measure: Measure) => number): number => measures.reduce((all, one) => all + figure(one), 0);
  return {
    seconds: sum(({ seconds }) => seconds),
    processor: sum(({ processor }) => processor),
    peak: Math.max(...measures.map(({ peak }) => peak)),
    written: sum(({ written }) => written),
  };
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
