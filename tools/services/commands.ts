// Runs the machine's own programs for set-up work, with their output kept in a log.
import { type ChildProcess, spawn } from 'node:child_process';
import { accessSync, appendFileSync, closeSync, constants, mkdirSync, openSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { logPath } from './state-folder.ts';

export interface CommandOptions {
  /** Part whose log gets the output. */
  readonly log: string;
  readonly cwd?: string;
  readonly env?: Readonly<Record<string, string | undefined>>;
  /** Written to the program's standard input. */
  readonly input?: string;
}

/**
 * Runs a program to its end. Throws {@link DeliveryError} `SETUP_FAILED` that names the log when it does not exit with
 * 0, and `PROGRAM_MISSING` when there is no such program.
 */
export async function run(command: string, args: readonly string[], options: CommandOptions): Promise<void> {
  const log = logPath(options.log);
  mkdirSync(dirname(log), { recursive: true });
  appendFileSync(log, `$ ${[command, ...args].join(' ')}\n`);
  const file = openSync(log, 'a');
  try {
    const child = spawn(command, args, {
      cwd: options.cwd,
      env: { ...process.env, ...options.env },
      stdio: [options.input === undefined ? 'ignore' : 'pipe', file, file],
    });
    child.stdin?.end(options.input);
    const endAlone = endTogether(child);
    const code = await new Promise<number | null>((resolve, reject) => {
      child.on('error', (cause) => reject(notStarted(command, cause)));
      child.on('close', resolve);
    }).finally(endAlone);
    if (code === 0) return;
    throw new DeliveryError('SETUP_FAILED', {
      message: `${command} ended with ${String(code)}.`,
      remedy: `Read the end of ${log}, correct what it names and run the command again.`,
    });
  } finally {
    closeSync(file);
  }
}

/** Ends a program when this process is told to end, which by itself would leave it running on alone. */
function endTogether(child: ChildProcess): () => void {
  const relay = (signal: NodeJS.Signals): void => {
    child.kill(signal);
    forget();
    // Without a listener the signal ends this process as usual; others who listen have heard it themselves.
    if (process.listenerCount(signal) === 0) process.kill(process.pid, signal);
  };
  const forget = (): void => SIGNALS.forEach((signal) => void process.off(signal, relay));
  SIGNALS.forEach((signal) => void process.on(signal, relay));
  return forget;
}

const SIGNALS = ['SIGTERM', 'SIGINT', 'SIGHUP'] as const;

function notStarted(command: string, cause: Error): DeliveryError {
  return new DeliveryError('PROGRAM_MISSING', {
    message: `The program ${command} could not be started (${cause.message}).`,
    remedy: `Install ${command} so that it is on PATH, and run the command again.`,
    cause,
  });
}

/** What a program prints, or undefined when it is missing or fails: for asking what the machine has. */
export async function ask(command: string, args: readonly string[], input?: string): Promise<string | undefined> {
  const child = spawn(command, args, { stdio: ['pipe', 'pipe', 'ignore'] });
  const chunks: Buffer[] = [];
  child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A program that does not read its input, or is not there, closes it.
  child.stdin.on('error', () => undefined).end(input);
  const code = await new Promise<number | null>((resolve) => {
    child.on('error', () => resolve(null));
    child.on('close', resolve);
  });
  return code === 0 ? Buffer.concat(chunks).toString('utf8').trim() : undefined;
}

/** Full path of a program on PATH, also in the folders that only root's PATH has. */
export function findProgram(name: string): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin'];
  return folders.map((folder) => join(folder, name)).find(isExecutable);
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
