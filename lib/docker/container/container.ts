import { randomUUID } from 'node:crypto';
import { DeliveryError } from '../../errors/delivery-error.ts';
import type { DockerCli } from '../docker-cli.ts';
import { type ContainerNetwork, type ContainerSettings, createCommand } from './container-settings.ts';
import { type ContainerState, parseContainerState } from './container-state.ts';
import { notStarted } from './start-failure.ts';

/** By this label containers of tests are found again; its value says whose they are. */
const OWNER_LABEL = 'model-delivery.test-of';
/** Making a container takes an engine less than this, in milliseconds, or it hangs: it may have to copy what the image has in volumes. */
const CREATE_LIMIT = 300_000;
/** A cancelled task has a few seconds in all. */
const CLEANUP_LIMIT = 6_000;

/** What a container needs from outside. */
export interface ContainerContext {
  readonly docker: DockerCli;
  readonly network: ContainerNetwork;
  /** Whose container it is: the same for all runs of which only one can be at a time. */
  readonly owner: string;
  readonly signal: AbortSignal;
}

/**
 * Starts a container, uses it, and removes it in every case, also when the use fails, the signal aborts or the process is killed.
 *
 * @throws DeliveryError `CONTAINER_NOT_STARTED`, `PORT_IN_USE`
 */
export async function withContainer<Result>(
  settings: ContainerSettings,
  { docker, network, owner, signal }: ContainerContext,
  use: (container: Container) => Promise<Result>,
): Promise<Result> {
  signal.throwIfAborted();
  const container = new Container(docker, `model-delivery-test-${randomUUID()}`);
  const callOff = docker.atDeath(removalOf(container.name));
  try {
    const labels = { [OWNER_LABEL]: owner };
    const { args, env } = createCommand(container.name, settings, { network, labels });
    // Not cut short by a cancellation: an engine that is told half of it may make the container after all.
    const created = await docker.run(args, { env, signal: AbortSignal.timeout(CREATE_LIMIT) });
    if (created.code !== 0) throw notStarted(created.stderr, settings);
    const started = await docker.run(['start', container.name], { signal });
    if (started.code !== 0) throw notStarted(started.stderr, settings);
    return await use(container);
  } finally {
    if (await container.remove()) callOff();
  }
}

function removalOf(...names: readonly string[]): readonly string[] {
  return ['rm', '--force', '--volumes', ...names];
}

/**
 * Removes containers that an earlier run of the same owner has left behind because it was killed.
 *
 * @returns how many there were
 */
export async function removeLeftovers(docker: DockerCli, owner: string, signal: AbortSignal): Promise<number> {
  const filter = `label=${OWNER_LABEL}=${owner}`;
  const { stdout } = await docker.run(['ps', '--all', '--quiet', '--filter', filter], { signal });
  const ids = stdout.split('\n').filter((id) => id !== '');
  if (ids.length > 0) await docker.run(removalOf(...ids), { signal });
  return ids.length;
}

/** A container that was started for a test. What it prints comes from outside: whoever shows it makes it harmless first. */
export class Container {
  readonly name: string;
  readonly #docker: DockerCli;

  constructor(docker: DockerCli, name: string) {
    this.#docker = docker;
    this.name = name;
  }

  /** @throws DeliveryError `CONTAINER_LOST` where it is not there any more */
  async state(signal: AbortSignal): Promise<ContainerState> {
    const { code, stdout, stderr } = await this.#docker.run(
      ['container', 'inspect', '--format', '{{json .}}', this.name],
      { signal },
    );
    if (code === 0) return parseContainerState(stdout);
    throw new DeliveryError('CONTAINER_LOST', {
      message: `The container was removed by somebody else during its test: ${stderr.trim().slice(0, 300)}`,
      remedy: 'Look for a clean-up, such as docker system prune, that runs beside the pipelines.',
    });
  }

  /** Returns when the container has ended. */
  async ended(signal: AbortSignal): Promise<void> {
    await this.#docker.run(['wait', this.name], { signal });
  }

  /** The last lines of its log, of both its outputs. */
  async lastLines(count: number, signal: AbortSignal): Promise<readonly string[]> {
    const lines: string[] = [];
    await this.#docker.run(['logs', '--tail', String(count), this.name], {
      signal,
      onLine: (line) => lines.push(line),
    });
    return lines.slice(-count);
  }

  /** What a program in it prints; undefined where it fails, or the image has no such program. */
  async output(command: readonly string[], signal: AbortSignal): Promise<string | undefined> {
    const { code, stdout } = await this.#docker.run(['exec', this.name, ...command], { signal });
    return code === 0 ? stdout : undefined;
  }

  /** Follows how much memory it has, in bytes, about every second, until the signal aborts or it ends. */
  async followMemory(onMemory: (bytes: number) => void, signal: AbortSignal): Promise<void> {
    await this.#docker.run(['stats', '--format', '{{.MemUsage}}', this.name], {
      signal,
      onLine: (line) => {
        const bytes = parseMemory(line);
        if (bytes !== undefined) onMemory(bytes);
      },
    });
  }

  /** How much memory it has now, in bytes; undefined where the engine does not tell. */
  async memory(signal: AbortSignal): Promise<number | undefined> {
    const { stdout } = await this.#docker.run(['stats', '--no-stream', '--format', '{{.MemUsage}}', this.name], {
      signal,
    });
    return parseMemory(stdout);
  }

  /**
   * Takes the container away, however it is; also after a cancellation.
   *
   * @returns whether that was done in time
   */
  async remove(): Promise<boolean> {
    const signal = AbortSignal.timeout(CLEANUP_LIMIT);
    const exit = await this.#docker.run(removalOf(this.name), { signal }).catch(() => undefined);
    return exit?.code === 0;
  }
}

const UNITS: Readonly<Record<string, number>> = { B: 1, KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, TiB: 1024 ** 4 };

/** Reads the first size of `12.5MiB / 1GiB`. */
function parseMemory(text: string): number | undefined {
  const [, number, unit = ''] = /^(\d+(?:\.\d+)?)([KMGT]?i?B) \//.exec(text.trim()) ?? [];
  const factor = UNITS[unit];
  return number === undefined || factor === undefined ? undefined : Math.round(Number(number) * factor);
}
