import { stat } from 'node:fs/promises';
import type { Agent } from '../../lib/agent/agent.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import type { ContainerSettings } from '../../lib/docker/container/container-settings.ts';
import type { ContainerState } from '../../lib/docker/container/container-state.ts';
import { parseVolume, volumeArgument } from '../../lib/docker/container/volumes.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { commandWords } from '../../lib/oci/command-words.ts';

/**
 * Reads how the container is to run: `env`, `volumes`, `gpus`, `memory`, `cpus`, `command` and `runArguments`.
 *
 * @param image its id
 * @param within the container that the agent itself is, if it is one
 * @throws DeliveryError `INPUT_INVALID`, `COMMAND_INVALID`
 */
export async function containerSettings(
  agent: Agent,
  image: string,
  within: ContainerState | undefined,
): Promise<ContainerSettings> {
  const { inputs } = agent;
  return {
    image,
    env: inputs.pairs('env'),
    volumes: await Promise.all(inputs.lines('volumes').map((line) => volumeOf(agent, line, within))),
    gpus: inputs.optionalText('gpus'),
    memory: inputs.optionalText('memory'),
    cpus: inputs.optionalText('cpus'),
    command: commandWords('command', inputs.optionalText('command') ?? ''),
    runArguments: inputs.lines('runArguments'),
  };
}

async function volumeOf(agent: Agent, line: string, within: ContainerState | undefined): Promise<string> {
  const volume = parseVolume(line);
  if (volume === undefined) throw invalid(line, 'it is not SOURCE:TARGET or SOURCE:TARGET:ro');
  const source = volume.isPath ? fullPath(agent, volume.source) : volume.source;
  // Docker would make a folder of root's for a path that is not there.
  const isThere = !volume.isPath || (await stat(source).catch(() => undefined)) !== undefined;
  if (!isThere) throw invalid(line, `there is no ${source} on the agent`);
  const argument = volumeArgument({ ...volume, source }, within?.mounts);
  if (argument !== undefined) return argument;
  throw invalid(line, `${source} is inside the agent's own container only, where the Docker engine cannot get at it`);
}

function invalid(line: string, problem: string): DeliveryError {
  return new DeliveryError('INPUT_INVALID', {
    message: `The input volumes has the line "${line}": ${problem}.`,
    remedy: 'Write each line as ./folder:/target, with :ro behind it for a volume that the container shall not change.',
  });
}
