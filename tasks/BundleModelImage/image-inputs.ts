import type { Agent } from '../../lib/agent/agent.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { commandWords } from '../../lib/oci/command-words.ts';
import { checkTag, parseRepositoryName, type RepositoryName } from '../../lib/oci/image-name.ts';
import { parsePorts } from '../../lib/oci/ports.ts';
import type { RunSettings } from '../../lib/oci/run-settings.ts';

/**
 * How containers of the image run.
 *
 * @throws DeliveryError `COMMAND_INVALID`, `PORT_INVALID`, `INPUT_INVALID`
 */
export function runSettings({ inputs }: Agent): RunSettings {
  const entrypoint = inputs.optionalText('entrypoint');
  const command = inputs.optionalText('command');
  return {
    entrypoint: entrypoint === undefined ? undefined : commandWords('entrypoint', entrypoint),
    command: command === undefined ? undefined : commandWords('command', command),
    env: inputs.pairs('env'),
    workingDirectory: inputs.optionalText('workingDirectory'),
    ports: parsePorts(listed(inputs.lines('ports'))),
    user: inputs.optionalText('user'),
    labels: inputs.pairs('labels'),
  };
}

/**
 * The tags that shall point at the image, each once.
 *
 * @throws DeliveryError `TAG_INVALID`, `INPUT_MISSING`
 */
export function imageTags({ inputs }: Agent): readonly string[] {
  const tags = [...new Set(listed(inputs.lines('tags')).map(checkTag))];
  if (tags.length > 0) return tags;
  throw new DeliveryError('INPUT_MISSING', {
    message: 'The input tags is empty.',
    remedy: 'Give at least one tag, such as $(Build.BuildId).',
  });
}

/** Platforms of the base to build for; none: all. */
export function wantedPlatforms({ inputs }: Agent): readonly string[] {
  return listed(inputs.lines('platforms'));
}

/**
 * Repositories of the target's registry that may have the layers; they may be written with that registry.
 *
 * @throws DeliveryError `IMAGE_NAME_INVALID`, `INPUT_INVALID`
 */
export function mountSources({ inputs }: Agent, target: RepositoryName): readonly string[] {
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
