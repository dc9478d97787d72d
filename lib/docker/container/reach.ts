import type { DockerCli } from '../docker-cli.ts';
import type { ContainerNetwork } from './container-settings.ts';
import type { ContainerState } from './container-state.ts';
import { remoteEngineHost } from './engine-address.ts';
import { checkPortFree } from './free-port.ts';
import { findOwnContainer } from './own-container.ts';

/** How the service in a container is reached from here. */
export interface Reach {
  readonly network: ContainerNetwork;
  /** Its address, once the container runs; undefined where it has none (any more). */
  readonly urlOf: (state: ContainerState) => URL | undefined;
  /** The container that this process runs in, where that is why. */
  readonly within: ContainerState | undefined;
}

/**
 * Finds the way to a container's port. On a plain machine it is published on loopback, so nobody else gets there. Where this process is a container
 * of the same engine, the machine's loopback is out of reach, and the new container joins this one's network. Where the engine is on
 * another machine, the port is published there.
 *
 * @param hostPort the port to publish at; undefined: a free one
 * @throws DeliveryError `PORT_IN_USE`
 */
export async function findReach(
  docker: DockerCli,
  { port, hostPort }: { readonly port: number; readonly hostPort: number | undefined },
  signal: AbortSignal,
): Promise<Reach> {
  const own = await findOwnContainer(docker, signal);
  if (own !== undefined && own.networkMode !== 'host') {
    await checkPortFree(port);
    return {
      network: { kind: 'shared', container: own.id },
      urlOf: () => new URL(`http://127.0.0.1:${port}`),
      within: own,
    };
  }
  const remote = await remoteEngineHost(docker, signal);
  return {
    network: { kind: 'published', port, hostPort, bind: remote === undefined ? '127.0.0.1' : undefined },
    urlOf: (state) => {
      const published = state.publishedPort(port);
      return published === undefined ? undefined : new URL(`http://${remote ?? '127.0.0.1'}:${published}`);
    },
    within: own,
  };
}
