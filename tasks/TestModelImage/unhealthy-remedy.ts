import type { Container } from '../../lib/docker/container/container.ts';
import { type ListeningPort, listeningPorts } from '../../lib/docker/container/listening-ports.ts';

/** Looking into the container may take this long, in milliseconds. */
const LOOK_LIMIT = 10_000;

/**
 * What to do about a container that never became healthy. Looks which ports are listened on in it: that they are others, or
 * closed to the outside, is the usual mistake.
 *
 * @param exposed the ports that the image exposes
 */
export async function unhealthyRemedy(container: Container, port: number, exposed: readonly number[]): Promise<string> {
  const tables = await container
    .output(['cat', '/proc/net/tcp', '/proc/net/tcp6'], AbortSignal.timeout(LOOK_LIMIT))
    .catch(() => undefined);
  // A container without one of the two files, or without cat, tells nothing.
  if (tables === undefined) return exposedRemedy(port, exposed);
  return listeningRemedy(port, listeningPorts(tables));
}

function listeningRemedy(port: number, listening: readonly ListeningPort[]): string {
  const own = listening.find((each) => each.port === port);
  if (own?.isLoopbackOnly === true) {
    return `Its service listens on 127.0.0.1:${port}, which only the container itself can reach: let it listen on 0.0.0.0:${port}.`;
  }
  if (own !== undefined) {
    return `It listens on port ${port}: check healthPath, and raise startTimeoutSeconds if it only needs longer.`;
  }
  const others = listening.map((each) => each.port).join(', ');
  return others === ''
    ? 'Nothing listens in it so far: raise startTimeoutSeconds if it only needs longer, and see the end of its log above.'
    : `Nothing listens on port ${port} in it, but on ${others}: correct port, or what the service listens on.`;
}

function exposedRemedy(port: number, exposed: readonly number[]): string {
  return exposed.includes(port)
    ? 'Check healthPath, and raise startTimeoutSeconds if it only needs longer; the end of its log is above.'
    : `Check that the service listens on 0.0.0.0:${port}: the image does not expose this port.`;
}
