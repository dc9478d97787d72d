import type { Agent } from '../../lib/agent/agent.ts';
import type { Inputs } from '../../lib/agent/inputs.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { commandWords } from '../../lib/oci/command-words.ts';
import { parseRepositoryName, type RepositoryName } from '../../lib/oci/image-name.ts';
import { parseHealthCheck } from '../../lib/oci/health-check.ts';
import { parsePorts } from '../../lib/oci/ports.ts';
import type { PushRequest } from '../../lib/oci/push-image.ts';
import type { RunSettings } from '../../lib/oci/run-settings.ts';
import type { Owner } from '../../lib/packing/entry.ts';

/** Linux counts users and groups in 32 bits. */
const MOST_IDS = 2 ** 32 - 1;

/** What inputs alone say about an image. */
export type ImageSettings = Pick<PushRequest, 'platforms' | 'mountFrom' | 'immutableTags' | 'settings' | 'annotations'>;

/**
 * @param target where the image goes
 * @throws DeliveryError `COMMAND_INVALID`, `PORT_INVALID`, `HEALTH_CHECK_INVALID`, `IMAGE_NAME_INVALID`, `INPUT_INVALID`
 */
export function imageSettings(agent: Agent, target: RepositoryName): ImageSettings {
  const { inputs } = agent;
  return {
    platforms: wantedPlatforms(agent),
    mountFrom: mountSources(inputs, target),
    immutableTags: inputs.flag('immutableTags'),
    settings: runSettings(inputs),
    annotations: inputs.pairs('annotations'),
  };
}

/**
 * How containers of the image run.
 *
 * @throws DeliveryError `COMMAND_INVALID`, `PORT_INVALID`, `HEALTH_CHECK_INVALID`, `INPUT_INVALID`
 */
function runSettings(inputs: Inputs): RunSettings {
  const entrypoint = inputs.optionalText('entrypoint');
  const command = inputs.optionalText('command');
  const healthCheck = inputs.optionalText('healthCheck');
  return {
    entrypoint: entrypoint === undefined ? undefined : commandWords('entrypoint', entrypoint),
    command: command === undefined ? undefined : commandWords('command', command),
    env: inputs.pairs('env'),
    workingDirectory: inputs.optionalText('workingDirectory'),
    ports: parsePorts(listed(inputs.lines('ports'))),
    user: inputs.optionalText('user'),
    stopSignal: stopSignal(inputs),
    healthCheck: healthCheck === undefined ? undefined : parseHealthCheck(healthCheck),
    labels: inputs.pairs('labels'),
  };
}

/** @throws DeliveryError `INPUT_INVALID` */
function stopSignal(inputs: Inputs): string | undefined {
  const signal = inputs.optionalText('stopSignal')?.toUpperCase();
  if (signal === undefined || /^(?:SIG[A-Z]{3,6}(?:[+-]\d{1,2})?|[1-9]\d?)$/.test(signal)) return signal;
  throw new DeliveryError('INPUT_INVALID', {
    message: `The input stopSignal is "${signal}", which is no signal.`,
    remedy: 'Write its name, such as SIGINT or SIGQUIT, or its number.',
  });
}

/**
 * Who owns what is added, `uid:gid`.
 *
 * @throws DeliveryError `INPUT_INVALID`
 */
export function fileOwner({ inputs }: Agent): Owner {
  const text = inputs.text('owner');
  const [, uid = '', gid = uid] = /^(\d{1,10})(?::(\d{1,10}))?$/.exec(text) ?? [];
  const owner = { uid: Number(uid), gid: Number(gid) };
  if (uid !== '' && owner.uid < MOST_IDS && owner.gid < MOST_IDS) return owner;
  throw new DeliveryError('INPUT_INVALID', {
    message: `The input owner is "${text}".`,
    remedy: 'Write numbers as uid:gid, such as 1000:1000: nobody here knows the names that the base image has.',
  });
}

/** Platforms to build for; none: all that the base has. */
export function wantedPlatforms({ inputs }: Agent): readonly string[] {
  return listed(inputs.lines('platforms'));
}

/**
 * Repositories of the target's registry that may have the layers; they may be written with that registry.
 *
 * @throws DeliveryError `IMAGE_NAME_INVALID`, `INPUT_INVALID`
 */
function mountSources(inputs: Inputs, target: RepositoryName): readonly string[] {
  return listed(inputs.lines('mountFrom')).map((text) => {
    const { registry, repository } = parseRepositoryName(text, target.registry);
    if (registry === target.registry) return repository;
    throw new DeliveryError('INPUT_INVALID', {
      message: `The input mountFrom names ${text}, which is not in the registry ${target.registry}.`,
      remedy: 'Name repositories of the registry that the image goes to: only there can layers be taken over.',
    });
  });
}

/** Short words may stand on lines of their own or with commas between them. */
function listed(lines: readonly string[]): readonly string[] {
  return lines.flatMap((line) => line.split(',').map((word) => word.trim())).filter((word) => word !== '');
}
