import { asError, DeliveryError } from '../errors/delivery-error.ts';
import { Agent } from './agent.ts';
import { warnOfUnusedInputs } from './unused-inputs.ts';

const THREADS = 16;

/**
 * Runs a task from its first line to its result: the only place where errors become results and where the
 * agent's signals become an {@link AbortSignal}.
 *
 * @param name the task's name, as in task.json
 * @param main the task; what it throws is its failure
 */
export async function runTask(name: string, main: (agent: Agent) => Promise<void>): Promise<never> {
  // Threads that wait for disks: of four, which is what Node.js has, four slow files take all.
  process.env.UV_THREADPOOL_SIZE ??= String(THREADS);
  const cancellation = new AbortController();
  const agent = new Agent(name, cancellation.signal);
  for (const signal of ['SIGINT', 'SIGTERM'] as const) {
    process.on(signal, () => {
      cancellation.abort(
        new DeliveryError('CANCELLED', {
          message: `${name} was cancelled (${signal}).`,
          remedy: 'Run it again when ready.',
        }),
      );
    });
  }
  let failed = false;
  try {
    warnOfUnusedInputs(agent);
    await Promise.race([main(agent), endOfEvents(cancellation.signal)]);
    agent.succeed();
  } catch (error) {
    failed = true;
    agent.fail(error);
  }
  await Promise.all([process.stdout, process.stderr].map(flushed));
  // Idle connections would keep the process alive for seconds; everything that matters has been awaited.
  process.exit(failed ? 1 : 0);
}

/**
 * Fails when nothing is left that could ever wake the task. Node.js would end the process then, with success whatever the task
 * still waits for, and the agent takes the silence for a result.
 */
function endOfEvents(cancelled: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    process.once('beforeExit', () => {
      reject(asError(cancelled.reason ?? new Error('it waits for something that will never come.')));
    });
  });
}

/** Waits until the agent has taken what was written: one that reads late would otherwise miss the last lines, outputs and result. */
async function flushed(stream: NodeJS.WriteStream): Promise<void> {
  await new Promise<void>((resolve) => {
    // Nobody reads any more.
    stream.once('error', () => resolve());
    stream.write('', () => resolve());
  });
}
