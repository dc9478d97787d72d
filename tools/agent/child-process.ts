// Runs a program as the agent does: line by line, and stopped step by step.
import { spawn } from 'node:child_process';
import type { Readable } from 'node:stream';
import { StringDecoder } from 'node:string_decoder';
import { setTimeout as delay } from 'node:timers/promises';

export interface ChildOptions {
  readonly command: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly env: Readonly<Record<string, string>>;
  readonly onLine: (line: string) => void;
  /** Gets the lines of standard error; `onLine` gets them unless this is given. */
  readonly onErrorLine?: (line: string) => void;
  /** Asks the program to stop: SIGINT, SIGTERM after 7.5 s, SIGKILL after another 2.5 s. */
  readonly signal: AbortSignal | undefined;
}

/** Milliseconds that the agent waits after SIGINT, and then after SIGTERM. */
const PATIENCE = { afterInterrupt: 7_500, afterTerminate: 2_500 };
/** A background process of the program may keep its output open; the agent does not wait for it. */
const OUTPUT_GRACE = 2_000;

/** What ends each program that runs: nothing outlives an agent that is ended at once. */
const running = new Set<() => void>();
process.once('exit', () => running.forEach((kill) => kill()));

/**
 * Runs a program to its end.
 *
 * @returns its exit code; 128 + the signal's number is not used, a program that was killed gives 137
 */
export async function runChild({
  command,
  args,
  cwd,
  env,
  onLine,
  onErrorLine = onLine,
  signal,
}: ChildOptions): Promise<number> {
  if (isStopped(signal)) return INTERRUPTED;
  // A process group of its own: Ctrl-C reaches the agent alone, and at the end the whole group can be killed.
  const child = spawn(command, args, { cwd, env, stdio: ['ignore', 'pipe', 'pipe'], detached: true });
  const ended = new AbortController();
  const stop = (): void => void stopInSteps(child, ended.signal);
  signal?.addEventListener('abort', stop, { once: true });
  const kill = (): void => killGroup(child.pid, 'SIGKILL');
  running.add(kill);
  const outputs = Promise.all([readLines(child.stdout, onLine), readLines(child.stderr, onErrorLine)]);
  try {
    const code = await new Promise<number>((resolve, reject) => {
      child.once('error', reject);
      child.once('exit', (exitCode, killedBy) => resolve(killedBy === null ? (exitCode ?? 1) : KILLED));
    });
    // What a stopped program has started would only hold its output open.
    if (isStopped(signal)) kill();
    await Promise.race([outputs, delay(OUTPUT_GRACE, undefined, { ref: false })]);
    return code;
  } finally {
    ended.abort();
    signal?.removeEventListener('abort', stop);
    running.delete(kill);
    child.stdout.destroy();
    child.stderr.destroy();
  }
}

function isStopped(signal: AbortSignal | undefined): boolean {
  return signal?.aborted === true;
}

const INTERRUPTED = 130;
const KILLED = 137;

async function stopInSteps(
  child: { readonly pid?: number | undefined; kill(signal: NodeJS.Signals): boolean },
  ended: AbortSignal,
): Promise<void> {
  try {
    child.kill('SIGINT');
    await delay(PATIENCE.afterInterrupt, undefined, { signal: ended });
    child.kill('SIGTERM');
    await delay(PATIENCE.afterTerminate, undefined, { signal: ended });
    killGroup(child.pid, 'SIGKILL');
  } catch {
    // The program has ended meanwhile, which is what was wanted.
  }
}

function killGroup(pid: number | undefined, signal: NodeJS.Signals): void {
  try {
    if (pid !== undefined) process.kill(-pid, signal);
  } catch {
    // Nobody of the group is left.
  }
}

async function readLines(stream: Readable, onLine: (line: string) => void): Promise<void> {
  const decoder = new StringDecoder('utf8');
  let rest = '';
  try {
    for await (const chunk of stream) {
      const lines = (rest + decoder.write(chunk as Buffer)).split(/\r\n|\n|\r(?!$)/);
      rest = lines.pop() ?? '';
      lines.forEach(onLine);
    }
  } catch {
    // Cut off because the program ended and a process that it left behind still holds the other end.
  }
  rest += decoder.end();
  if (rest !== '') rest.replace(/\r$/, '').split('\r').forEach(onLine);
}
