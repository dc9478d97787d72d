import type { Agent } from '../../lib/agent/agent.ts';
import type { Container } from '../../lib/docker/container/container.ts';
import { asError, DeliveryError } from '../../lib/errors/delivery-error.ts';
import { type Target, unhealthy } from './target.ts';
import { unhealthyRemedy } from './unhealthy-remedy.ts';

/** A container to watch, and what is known of it. */
export interface WatchedContainer {
  readonly facts: Pick<Target, 'name' | 'image' | 'service'>;
  readonly port: number;
  /** Those that its image exposes. */
  readonly ports: readonly number[];
  readonly signal: AbortSignal;
}

/** Lines of a container's log that are shown. */
const LOG_LINES = 50;
/** Looking at a container that is about to go may take this long, in milliseconds. */
const LOOK_LIMIT = 10_000;

/** Uses a container as a target: notes at once when it ends, follows its memory, and shows the end of its log afterwards. */
export async function watched<Result>(
  agent: Agent,
  container: Container,
  { facts, port, ports, signal }: WatchedContainer,
  use: (target: Target) => Promise<Result>,
): Promise<Result> {
  const [ended, done] = [new AbortController(), new AbortController()];
  const watching = AbortSignal.any([signal, done.signal]);
  let peak = 0;
  const noteEnd = async (): Promise<void> => {
    const end = await endOf(container, facts.name);
    if (end !== undefined) ended.abort(end);
  };
  const watch = Promise.allSettled([
    container.ended(watching).then(noteEnd),
    container.followMemory((bytes) => (peak = Math.max(peak, bytes)), watching),
  ]);
  try {
    return await use({
      ...facts,
      ended: ended.signal,
      explain: async (why) =>
        unhealthy(`The container of ${facts.name}`, why, await unhealthyRemedy(container, port, ports)),
      memory: async () => {
        // Requests fail at once when it ends, and may all have failed before that was told.
        const end = await endOf(container, facts.name);
        if (end !== undefined) throw end;
        const { ranOutOfMemory } = await container.state(watching);
        // A test may be over before its memory was looked at for the first time.
        const most = peak === 0 ? await container.memory(watching) : peak;
        return { peak: most, ranOut: ranOutOfMemory };
      },
    });
  } finally {
    done.abort();
    await watch;
    // A cancelled task has no time for it.
    if (!signal.aborted) await showLog(agent, container);
  }
}

/** Why a container ended; undefined where it runs. */
async function endOf(container: Container, name: string): Promise<Error | undefined> {
  try {
    const { isRunning, exitCode, ranOutOfMemory } = await container.state(AbortSignal.timeout(LOOK_LIMIT));
    if (isRunning) return undefined;
    return ranOutOfMemory ? outOfMemory(name) : exited(name, exitCode);
  } catch (error) {
    return asError(error);
  }
}

function outOfMemory(name: string): DeliveryError {
  return new DeliveryError('CONTAINER_OUT_OF_MEMORY', {
    message: `The container of ${name} was ended because it needs more memory than it may have.`,
    remedy: 'Raise memory, and the memory limit in the manifests as well, or make the service need less.',
  });
}

function exited(name: string, exitCode: number): DeliveryError {
  return new DeliveryError('CONTAINER_EXITED', {
    message: `The container of ${name} ended with exit code ${exitCode} before its test was done.`,
    remedy: exitRemedy(exitCode),
  });
}

function exitRemedy(exitCode: number): string {
  if (exitCode === 0) return 'Its command does its work and ends: check command, which is to keep a service running.';
  if (exitCode === 137)
    return 'It was killed, by somebody or for want of memory on the machine; see the end of its log above.';
  return 'Look at the end of its log above.';
}

async function showLog(agent: Agent, container: Container): Promise<void> {
  const lines = await container.lastLines(LOG_LINES, AbortSignal.timeout(LOOK_LIMIT)).catch(() => undefined);
  if (lines === undefined) return;
  agent.logGroup(
    `Log of the container, last ${LOG_LINES} lines`,
    lines.length === 0 ? ['(it printed nothing)'] : lines,
  );
}
