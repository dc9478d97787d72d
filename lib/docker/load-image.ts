import { DeliveryError } from '../errors/delivery-error.ts';
import type { DockerCli } from './docker-cli.ts';

/**
 * Puts an image into the engine's own store, under the names that the archive gives it.
 *
 * @param archive what `docker save` would write
 * @throws DeliveryError `DOCKER_LOAD_FAILED`
 */
export async function loadImage(
  docker: DockerCli,
  archive: AsyncIterable<Uint8Array>,
  signal: AbortSignal,
): Promise<void> {
  const { code, stderr } = await docker.run(['load', '--quiet'], { signal, input: archive });
  if (code === 0) return;
  throw new DeliveryError('DOCKER_LOAD_FAILED', {
    message: `The Docker engine did not take the image: ${(stderr.trim().split('\n').at(-1) ?? '').slice(0, 300)}`,
    remedy: 'Check that the disk of the engine has room for the image, and its log.',
  });
}
