import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import {
  formatImage,
  formatRepository,
  type ImageName,
  normalRegistry,
  parseImageName,
  parseRepositoryName,
  type RepositoryName,
} from '../oci/image-name.ts';
import { RegistryClient } from '../oci/registry-client.ts';
import type { Agent } from './agent.ts';
import type { RegistryConnection } from './service-connections.ts';

/** Where an image comes from and goes to, with what it takes to get in. */
export interface ImageRoute {
  readonly target: RepositoryName;
  readonly base: ImageName;
  readonly client: RegistryClient;
  readonly baseClient: RegistryClient;
}

/**
 * Reads `repository`, `registryConnection`, `baseImage`, `baseRegistryConnection` and `allowHttp`. A name without a
 * registry belongs to the one of its connection; a base in the target's registry needs no connection of its own.
 *
 * @throws DeliveryError `IMAGE_NAME_INVALID`, `TAG_INVALID`, `INPUT_INVALID`, `CONNECTION_MISSING`, `CONNECTION_INVALID`
 */
export function imageRoute(agent: Agent, dispatcher: Dispatcher): ImageRoute {
  const { inputs } = agent;
  const connection = connectionOf(agent, inputs.optionalText('registryConnection'));
  const target = parseRepositoryName(inputs.text('repository'), connection?.host);
  checkHost('registryConnection', connection, target.registry, formatRepository(target));

  const ownConnection = connectionOf(agent, inputs.optionalText('baseRegistryConnection'));
  const base = parseImageName(inputs.text('baseImage'), ownConnection?.host);
  checkHost('baseRegistryConnection', ownConnection, base.registry, formatImage(base));

  const allowHttp = inputs.flag('allowHttp');
  const client = new RegistryClient({ registry: target.registry, credentials: connection, allowHttp, dispatcher });
  if (ownConnection === undefined && base.registry === target.registry)
    return { target, base, client, baseClient: client };
  const baseClient = new RegistryClient({ registry: base.registry, credentials: ownConnection, allowHttp, dispatcher });
  return { target, base, client, baseClient };
}

function connectionOf(agent: Agent, id: string | undefined): RegistryConnection | undefined {
  if (id === undefined) return undefined;
  const connection = agent.connections.registry(id);
  agent.hide(connection.password);
  return connection;
}

/** Credentials of one registry are never shown to another. */
function checkHost(input: string, connection: RegistryConnection | undefined, registry: string, name: string): void {
  if (connection === undefined || normalRegistry(connection.host) === registry) return;
  throw new DeliveryError('INPUT_INVALID', {
    message: `The input ${input} is a connection to ${connection.host}, but ${name} is an image of ${registry}.`,
    remedy: `Choose a connection to ${registry}, or leave the registry out of the name.`,
  });
}
