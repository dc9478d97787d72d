import { DeliveryError } from '../../errors/delivery-error.ts';
import type { DockerCli } from '../docker-cli.ts';
import { describeImage, type ImageFacts } from './image-facts.ts';

/** When the registry is asked: always, only if the engine does not have the image, or never. */
export type PullPolicy = 'always' | 'missing' | 'never';

/** What pulling needs from outside. */
export interface PullContext {
  readonly docker: DockerCli;
  /** Gets the lines of the download, which come from outside. */
  readonly onLine: (line: string) => void;
  readonly signal: AbortSignal;
}

/**
 * Makes sure that the engine has an image.
 *
 * @param image by digest, tag or id
 * @throws DeliveryError `DOCKER_PULL_FAILED`, `IMAGE_NOT_HERE`
 */
export async function ensureImage(
  image: string,
  policy: PullPolicy,
  { docker, onLine, signal }: PullContext,
): Promise<ImageFacts> {
  const here = policy === 'always' ? undefined : await describeImage(docker, image, signal);
  if (here !== undefined) return here;
  if (policy !== 'never') await pull(image, { docker, onLine, signal });
  const pulled = await describeImage(docker, image, signal);
  if (pulled !== undefined) return pulled;
  throw new DeliveryError('IMAGE_NOT_HERE', {
    message: `The Docker engine does not have the image ${image}.`,
    remedy: 'Build or load it in a step before, or set pull to always or missing.',
  });
}

async function pull(image: string, { docker, onLine, signal }: PullContext): Promise<void> {
  const { code, stderr } = await docker.run(['pull', image], { signal, onLine });
  if (code === 0) return;
  throw new DeliveryError('DOCKER_PULL_FAILED', {
    message: `The image ${image} cannot be pulled: ${reasonIn(stderr)}.`,
    remedy: remedyFor(stderr),
  });
}

function reasonIn(stderr: string): string {
  const last = stderr.trim().split('\n').at(-1) ?? '';
  return (
    last
      .replace(/^(?:Error response from daemon: )+/, '')
      .replace(/\.$/, '')
      .slice(0, 300) || 'docker gave no reason'
  );
}

function remedyFor(stderr: string): string {
  if (/manifest unknown|not found: manifest|manifest for .* not found/i.test(stderr)) {
    return 'Check repository, tag and digest: the registry does not have it.';
  }
  if (/unauthorized|denied|no basic auth|authentication required/i.test(stderr)) {
    return 'Check the name, and registryConnection: the image is private, or there is none of that name.';
  }
  if (/no space left/i.test(stderr))
    return 'The disk of the Docker engine is full: make room, for instance by docker system prune.';
  return 'Check the name of the image, and that the Docker engine can reach its registry.';
}
