import { stat } from 'node:fs/promises';
import type { Agent } from '../../lib/agent/agent.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import type { ContainerSettings } from '../../lib/docker/container/container-settings.ts';
import type { ContainerState } from '../../lib/docker/container/container-state.ts';
import { parseVolume, type Volume, volumeArgument } from '../../lib/docker/container/volumes.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { commandWords } from '../../lib/oci/command-words.ts';

const PORTS = { min: 1, max: 65_535 };

/** How the container is to run, as far as the inputs alone can say. */
export interface ContainerInputs {
  readonly port: number | undefined;
  readonly hostPort: number | undefined;
  readonly settings: Omit<ContainerSettings, 'image' | 'volumes'>;
  readonly volumes: readonly WantedVolume[];
}

/** A volume whose source, if it is a path, is there. */
interface WantedVolume extends Volume {
  /** As it stands in the input, for messages. */
  readonly line: string;
}

/**
 * Reads `port`, `hostPort`, `env`, `volumes`, `gpus`, `memory`, `cpus`, `command` and `runArguments`.
 *
 * @throws DeliveryError `INPUT_INVALID`, `COMMAND_INVALID`
 */
export async function containerInputs(agent: Agent): Promise<ContainerInputs> {
  const { inputs } = agent;
  return {
    port: inputs.optionalInteger('port', PORTS),
    hostPort: inputs.optionalInteger('hostPort', PORTS),
    settings: {
      env: inputs.pairs('env'),
      gpus: inputs.optionalText('gpus'),
      memory: inputs.optionalText('memory'),
      cpus: inputs.optionalText('cpus'),
      command: commandWords('command', inputs.optionalText('command') ?? ''),
      runArguments: inputs.lines('runArguments'),
    },
    volumes: await Promise.all(inputs.lines('volumes').map((line) => volumeOf(agent, line))),
  };
}

async function volumeOf(agent: Agent, line: string): Promise<WantedVolume> {
  const volume = parseVolume(line);
  if (volume === undefined) throw invalid(line, 'it is not SOURCE:TARGET or SOURCE:TARGET:ro');
  const source = volume.isPath ? fullPath(agent, volume.source) : volume.source;
  // Docker would make a folder of root's for a path that is not there.
  const isThere = !volume.isPath || (await stat(source).catch(() => undefined)) !== undefined;
  if (!isThere) throw invalid(line, `there is no ${source} on the agent`);
  return { ...volume, source, line };
}

/**
 * A volume as an argument of `docker run`.
 *
 * @param within the container that the agent itself is, if it is one
 * @throws DeliveryError `INPUT_INVALID` where the Docker engine cannot get at it
 */
export function volumeArgumentOf(volume: WantedVolume, within: ContainerState | undefined): string {
  const argument = volumeArgument(volume, within?.mounts);
  if (argument !== undefined) return argument;
  throw invalid(
    volume.line,
    `${volume.source} is inside the agent's own container only, where the Docker engine cannot get at it`,
  );
}

function invalid(line: string, problem: string): DeliveryError {
  return new DeliveryError('INPUT_INVALID', {
    message: `The input volumes has the line "${line}": ${problem}.`,
    remedy: 'Write each line as ./folder:/target, with :ro behind it for a volume that the container shall not change.',
  });
}
