import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { type BaseSource, registryBase } from '../oci/base-source.ts';
import {
  formatImage,
  formatRepository,
  normalRegistry,
  parseImageName,
  parseRepositoryName,
  type RepositoryName,
} from '../oci/image-name.ts';
import { openLocalBase, parseLocalBase } from '../oci/local-base.ts';
import { RegistryClient } from '../oci/registry-client.ts';
import type { Agent } from './agent.ts';
import type { RegistryConnection } from './service-connections.ts';
import { fullPath } from './working-folder.ts';

/** Where an image comes from and goes to, with what it takes to get in. */
export interface ImageRoute {
  readonly target: RepositoryName;
  readonly base: BaseSource;
  /** Speaks to the registry of the target. */
  readonly client: RegistryClient;
}

/**
 * Reads `repository`, `registryConnection`, `baseImage`, `baseRegistryConnection` and `allowHttp`. A name without a
 * registry belongs to the one of its connection; a base in the target's registry needs no connection of its own, and
 * neither does one on this machine.
 *
 * @throws DeliveryError `IMAGE_NAME_INVALID`, `TAG_INVALID`, `INPUT_INVALID`, `CONNECTION_MISSING`, `CONNECTION_INVALID`,
 *   `IMAGE_NOT_FOUND`, `BASE_IMAGE_UNSUPPORTED`
 */
export async function imageRoute(agent: Agent, dispatcher: Dispatcher): Promise<ImageRoute> {
  const { inputs } = agent;
  const connection = connectionOf(agent, inputs.optionalText('registryConnection'));
  const target = parseRepositoryName(inputs.text('repository'), connection?.host);
  checkHost('registryConnection', connection, target.registry, formatRepository(target));

  const allowHttp = inputs.flag('allowHttp');
  const client = new RegistryClient({ registry: target.registry, credentials: connection, allowHttp, dispatcher });
  const local = parseLocalBase(inputs.text('baseImage'));
  if (local !== undefined) {
    return { target, client, base: await openLocalBase({ ...local, path: fullPath(agent, local.path) }, agent.signal) };
  }

  const ownConnection = connectionOf(agent, inputs.optionalText('baseRegistryConnection'));
  const base = parseImageName(inputs.text('baseImage'), ownConnection?.host);
  checkHost('baseRegistryConnection', ownConnection, base.registry, formatImage(base));
  if (ownConnection === undefined && base.registry === target.registry) {
    return { target, client, base: registryBase(client, base) };
  }
  const baseClient = new RegistryClient({ registry: base.registry, credentials: ownConnection, allowHttp, dispatcher });
  return { target, client, base: registryBase(baseClient, base) };
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
