import { spawn } from 'node:child_process';
import { access, constants } from 'node:fs/promises';
import { delimiter, join } from 'node:path';
import { Readable, type Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { DeliveryError } from '../errors/delivery-error.ts';
import { readLines, readText } from './output-lines.ts';

/** The environment of a program. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** How the docker program ended. */
export interface DockerExit {
  /** 0: it did what it was told. */
  readonly code: number;
  /** What it printed, as far as it is kept. */
  readonly stdout: string;
  readonly stderr: string;
}

export interface DockerRun {
  readonly signal: AbortSignal;
  /** Gets each line of both its outputs, as a person would see it; without it they are only kept, as they are. */
  readonly onLine?: (line: string) => void;
  /** Variables beside those of all its runs. */
  readonly env?: Environment;
  /** What it reads from its standard input; without it there is none. */
  readonly input?: AsyncIterable<Uint8Array>;
}

/** How long docker may take to end after SIGTERM, in milliseconds; the agent gives a task 7.5 s in all. */
const GRACE = 3_000;
/** How much of each output is kept, in characters: enough for any answer, and no more than that of a chatty build. */
const KEPT = 256 * 1024;

const NEEDS_DOCKER =
  'Run on an agent with Docker, such as ubuntu-latest; the builder append and the target url do without.';

/** The docker program of this machine. What it prints comes from outside: whoever shows it makes it harmless first. */
export class DockerCli {
  readonly #program: string;
  readonly #env: Environment;

  constructor(program: string, env: Environment) {
    this.#program = program;
    this.#env = env;
  }

  /** The same program with further variables for all its runs. */
  with(env: Environment): DockerCli {
    return new DockerCli(this.#program, { ...this.#env, ...env });
  }

  /** A variable that its runs have. */
  variable(name: string): string | undefined {
    return this.#env[name];
  }

  /**
   * Runs docker to its end. When the signal aborts, docker is told to stop, which ends what the engine does for it,
   * and is killed if it does not.
   *
   * @throws the signal's reason; DeliveryError `DOCKER_MISSING` where it cannot be started
   */
  async run(args: readonly string[], { signal, onLine, env = {}, input }: DockerRun): Promise<DockerExit> {
    signal.throwIfAborted();
    const child = spawn(this.#program, args, { env: { ...this.#env, ...env }, stdio: ['pipe', 'pipe', 'pipe'] });
    const stop = (): void => {
      child.kill('SIGTERM');
      setTimeout(() => child.kill('SIGKILL'), GRACE).unref();
    };
    signal.addEventListener('abort', stop, { once: true });
    try {
      const [code, stdout, stderr] = await Promise.all([
        new Promise<number>((resolve, reject) => {
          child.once('error', (error) => reject(notStarted(this.#program, error)));
          child.once('close', (exitCode) => resolve(exitCode ?? 1));
        }),
        onLine === undefined ? readText(child.stdout, KEPT) : keepLines(child.stdout, onLine),
        onLine === undefined ? readText(child.stderr, KEPT) : keepLines(child.stderr, onLine),
        feed(child.stdin, input),
      ]);
      signal.throwIfAborted();
      return { code, stdout, stderr };
    } finally {
      signal.removeEventListener('abort', stop);
    }
  }

  /**
   * Has docker do something as soon as this process ends, should it be killed before it could do so itself: a shell waits on
   * a pipe, which the system closes with the process. It shares no output with it, for whose end the agent would wait.
   *
   * @returns calls it off
   */
  atDeath(args: readonly string[]): () => void {
    // There is no such shell.
    if (process.platform === 'win32') return () => undefined;
    const script = 'read -r word || exec "$0" "$@"';
    const shell = spawn('/bin/sh', ['-c', script, this.#program, ...args], {
      env: this.#env,
      stdio: ['pipe', 'ignore', 'ignore'],
      // A signal for all processes of the task is not meant for it.
      detached: true,
    });
    // Without it, the next run clears up.
    shell.on('error', () => undefined);
    shell.stdin.on('error', () => undefined);
    shell.unref();
    return () => shell.stdin.end('done\n');
  }
}

/** Gives a program what it shall read. One that ends before it has read all has a reason, which it tells itself. */
async function feed(stdin: Writable, input: AsyncIterable<Uint8Array> | undefined): Promise<void> {
  try {
    await pipeline(Readable.from(input ?? []), stdin);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code !== 'EPIPE' && code !== 'ECONNRESET' && code !== 'ERR_STREAM_PREMATURE_CLOSE') throw error;
  }
}

async function keepLines(stream: Readable, onLine: (line: string) => void): Promise<string> {
  let kept = '';
  await readLines(stream, (line) => {
    if (kept.length < KEPT) kept += `${line}\n`;
    onLine(line);
  });
  return kept;
}

/**
 * Finds the docker program on the path.
 *
 * @param env the environment that it will run with
 * @throws DeliveryError `DOCKER_MISSING`
 */
export async function findDocker(env: Environment): Promise<DockerCli> {
  const names = process.platform === 'win32' ? ['docker.exe'] : ['docker'];
  for (const folder of (env.PATH ?? env.Path ?? '').split(delimiter)) {
    for (const name of names) {
      const program = join(folder, name);
      const found = await access(program, constants.X_OK).then(
        () => true,
        () => false,
      );
      if (found) return new DockerCli(program, env);
    }
  }
  throw new DeliveryError('DOCKER_MISSING', {
    message: 'There is no docker program on the path of this agent.',
    remedy: NEEDS_DOCKER,
  });
}

function notStarted(program: string, cause: Error): DeliveryError {
  return new DeliveryError('DOCKER_MISSING', {
    message: `${program} could not be started: ${cause.message}.`,
    remedy: NEEDS_DOCKER,
    cause,
  });
}
