import { spawn } from 'node:child_process';
import { DeliveryError, messageOf } from '../../../errors/delivery-error.ts';
import { TEXT_LIMIT } from './manifest-text.ts';

/** A run of `kubectl` or `helm` that renders manifests. */
export interface Rendering {
  readonly program: 'kubectl' | 'helm';
  /** Given to the program as they are, without a shell. */
  readonly args: readonly string[];
  /** Written to its standard input: what must not show in the list of processes. */
  readonly input?: string;
  /** What is rendered, for messages: `the kustomization overlays/production`. */
  readonly subject: string;
}

/** Where programs are found, and when they shall stop. */
export interface RenderingContext {
  readonly environment: NodeJS.ProcessEnv;
  readonly signal: AbortSignal;
}

/** A chart or a remote base may have to be fetched; what takes longer hangs. In milliseconds. */
const TIME_LIMIT = 180_000;
/** Of what a program says of its failure, as much as fits into a message, in characters. */
const WORDS_LIMIT = 1_000;
/** How long a program may take to end after SIGTERM, in milliseconds; the agent gives a task 7.5 s in all. */
const GRACE = 2_000;

/**
 * Runs a program of this machine and gives what it prints.
 *
 * @throws DeliveryError `RENDERING_PROGRAM_MISSING`, `RENDERING_FAILED`; the signal's reason
 */
export async function render(rendering: Rendering, { environment, signal }: RenderingContext): Promise<string> {
  signal.throwIfAborted();
  const { program, args, input = '', subject } = rendering;
  const child = spawn(program, args, { env: environment, stdio: ['pipe', 'pipe', 'pipe'] });
  const kill = (): void => {
    child.kill('SIGKILL');
    // A program that it started itself may live on and hold these open.
    child.stdout.destroy();
    child.stderr.destroy();
  };
  const stop = (): void => {
    child.kill('SIGTERM');
    setTimeout(kill, GRACE).unref();
  };
  const late = AbortSignal.timeout(TIME_LIMIT);
  const end = AbortSignal.any([signal, late]);
  end.addEventListener('abort', stop, { once: true });
  // A program that ends without having read its input breaks the pipe; why it ended says more.
  child.stdin.on('error', () => undefined).end(input);
  try {
    const [code, output, complaint] = await Promise.all([
      new Promise<number>((resolve, reject) => {
        child.once('error', (error) => reject(notStarted(rendering, error)));
        child.once('close', (exitCode) => resolve(exitCode ?? 1));
      }),
      readUpTo(child.stdout, TEXT_LIMIT, stop),
      readUpTo(child.stderr, WORDS_LIMIT * 16),
    ]);
    signal.throwIfAborted();
    if (late.aborted) throw failed(rendering, `${program} was not done after ${TIME_LIMIT / 1000} seconds`);
    if (output.length >= TEXT_LIMIT) throw failed(rendering, `${program} printed more than ${TEXT_LIMIT} bytes`);
    if (code !== 0) throw failed(rendering, `${program} says: ${wordsOf(complaint)}`);
    return output.toString('utf8');
  } catch (error) {
    signal.throwIfAborted();
    throw error instanceof DeliveryError ? error : failed(rendering, `${subject}: ${messageOf(error)}`);
  } finally {
    end.removeEventListener('abort', stop);
  }
}

/** Reads a stream to its end, but keeps no more than `limit` bytes of it. */
async function readUpTo(stream: AsyncIterable<Buffer>, limit: number, onFull?: () => void): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of stream) {
    if (size >= limit) continue;
    chunks.push(chunk.subarray(0, limit - size));
    size += chunk.length;
    if (size >= limit) onFull?.();
  }
  return Buffer.concat(chunks);
}

/** The end of what a program complains of: the cause stands last. */
function wordsOf(complaint: Buffer): string {
  const words = complaint.toString('utf8').replace(/\s+/g, ' ').trim();
  const end = words.length > WORDS_LIMIT ? `…${words.slice(-WORDS_LIMIT)}` : words;
  return end === '' ? 'nothing' : end.replace(/\.$/, '');
}

function notStarted({ program, subject }: Rendering, cause: Error): DeliveryError {
  const isMissing = (cause as NodeJS.ErrnoException).code === 'ENOENT';
  const problem = isMissing ? `there is no ${program} on the path of this agent` : `${program} cannot be started`;
  return new DeliveryError('RENDERING_PROGRAM_MISSING', {
    message: `To render ${subject}, ${program} is needed, but ${problem}.`,
    remedy: `Run on an agent with ${program} (Microsoft's hosted ones have it), or install it before with ${program === 'helm' ? 'HelmInstaller@1' : 'KubectlInstaller@0'}.`,
    cause,
  });
}

function failed({ subject }: Rendering, problem: string): DeliveryError {
  return new DeliveryError('RENDERING_FAILED', {
    message: `${capitalised(subject)} could not be rendered: ${problem}.`,
    remedy: 'Try the same on your own machine with the same version of the program.',
  });
}

function capitalised(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
