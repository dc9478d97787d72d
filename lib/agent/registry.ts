import type { Dispatcher } from 'undici';
import { DeliveryError } from '../errors/delivery-error.ts';
import { type BaseSource, registryBase } from '../oci/base-source.ts';
import {
  formatImage,
  formatRepository,
  type ImageName,
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
  /** Speaks to the registry of the target. */
  readonly client: RegistryClient;
  /** What the connections sign in with, each to its own registry. */
  readonly logins: readonly { readonly registry: string; readonly username: string; readonly password: string }[];
  /**
   * Opens the image that `baseImage` names. A name without a registry belongs to the one of its connection; a base in the
   * target's registry needs no connection of its own, and neither does one on this machine.
   *
   * @throws DeliveryError `INPUT_MISSING`, `IMAGE_NAME_INVALID`, `TAG_INVALID`, `INPUT_INVALID`, `IMAGE_NOT_FOUND`,
   *   `BASE_IMAGE_UNSUPPORTED`
   */
  readonly openBase: () => Promise<BaseSource>;
  /** An image by its full name, with the login of its registry if there is one. */
  readonly image: (name: string) => BaseSource;
}

/**
 * Reads `repository`, `registryConnection`, `baseRegistryConnection` and `allowHttp`, and `baseImage` once it is wanted.
 *
 * @throws DeliveryError `IMAGE_NAME_INVALID`, `INPUT_INVALID`, `CONNECTION_MISSING`, `CONNECTION_INVALID`
 */
export function imageRoute(agent: Agent, dispatcher: Dispatcher): ImageRoute {
  const { inputs } = agent;
  const connection = connectionOf(agent, inputs.optionalText('registryConnection'));
  const target = parseRepositoryName(inputs.text('repository'), connection?.host);
  checkHost('registryConnection', connection, target.registry, formatRepository(target));
  const ownConnection = connectionOf(agent, inputs.optionalText('baseRegistryConnection'));

  const allowHttp = inputs.flag('allowHttp');
  const client = new RegistryClient({ registry: target.registry, credentials: connection, allowHttp, dispatcher });
  const open = (base: ImageName, credentials: RegistryConnection | undefined): BaseSource => {
    if (credentials === undefined && base.registry === target.registry) return registryBase(client, base);
    return registryBase(new RegistryClient({ registry: base.registry, credentials, allowHttp, dispatcher }), base);
  };
  const openBase = async (): Promise<BaseSource> => {
    const local = parseLocalBase(inputs.text('baseImage'));
    if (local !== undefined) return openLocalBase({ ...local, path: fullPath(agent, local.path) }, agent.signal);
    const base = parseImageName(inputs.text('baseImage'), ownConnection?.host);
    checkHost('baseRegistryConnection', ownConnection, base.registry, formatImage(base));
    return open(base, ownConnection);
  };
  const image = (name: string): BaseSource => {
    const parsed = parseImageName(name);
    const isOwn = ownConnection !== undefined && normalRegistry(ownConnection.host) === parsed.registry;
    return open(parsed, isOwn ? ownConnection : undefined);
  };
  const logins = [connection, ownConnection].flatMap((each) =>
    each === undefined ? [] : [{ ...each, registry: normalRegistry(each.host) }],
  );
  return { target, client, logins, openBase, image };
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
