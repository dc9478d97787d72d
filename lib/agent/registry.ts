import type { Dispatcher } from 'undici';
import { cloudOfRegistry } from '../azure/container-registry.ts';
import { type BaseSource, registryBase } from '../oci/base-source.ts';
import {
  formatImage,
  formatRepository,
  type ImageName,
  parseImageName,
  parseRepositoryName,
  type RepositoryName,
} from '../oci/image-name.ts';
import { openLocalBase, parseLocalBase } from '../oci/local-base.ts';
import type { DockerLogin } from '../oci/registry-auth.ts';
import { RegistryClient } from '../oci/registry-client.ts';
import type { Agent } from './agent.ts';
import { dockerLogins } from './docker-logins.ts';
import { checkedLogin, type RegistryAccess, registryAccess } from './registry-access.ts';
import { fullPath } from './working-folder.ts';

/** A login for docker, and the registry that it is for. */
export type RegistryLogin = DockerLogin & { readonly registry: string };

/** Where an image comes from and goes to, with what it takes to get in. */
export interface ImageRoute {
  readonly target: RepositoryName;
  /** Speaks to the registry of the target. */
  readonly client: RegistryClient;
  /** What the connections sign in with, each to its own registry; those by Azure sign in for it. Throws what that throws. */
  readonly logins: (signal: AbortSignal) => Promise<readonly RegistryLogin[]>;
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

/** A repository of a registry, with what it takes to get in. */
export interface RegistryRoute {
  readonly target: RepositoryName;
  readonly client: RegistryClient;
  /** Whether it is in Azure Container Registry. */
  readonly isAzure: boolean;
}

/**
 * Reads `repository`, `registry`, `registryConnection`, `registrySubscription` and `allowHttp`. Where no connection is for the registry, the
 * login is docker's own, if any.
 *
 * @throws DeliveryError `IMAGE_NAME_INVALID`, `INPUT_INVALID`, `CONNECTION_MISSING`, `CONNECTION_INVALID`, `REGISTRY_NOT_AZURE`
 */
export async function registryRoute(agent: Agent, dispatcher: Dispatcher): Promise<RegistryRoute> {
  const { clientOf, access, own: target } = await repositoryClients(agent, dispatcher);
  return {
    target,
    client: clientOf(target.registry, formatRepository(target), access),
    isAzure: access.login?.kind === 'azure' || cloudOfRegistry(target.registry) !== undefined,
  };
}

/**
 * Reads `repository`, `registry`, `registryConnection` and `registrySubscription`, the same of the base (`baseRegistry`, …),
 * `allowHttp`, which is for the registry of the target alone, and `baseImage` once it is wanted. Where no connection is for a
 * registry, the login is docker's own, if any.
 *
 * @throws DeliveryError `IMAGE_NAME_INVALID`, `INPUT_INVALID`, `CONNECTION_MISSING`, `CONNECTION_INVALID`, `REGISTRY_NOT_AZURE`
 */
export async function imageRoute(agent: Agent, dispatcher: Dispatcher): Promise<ImageRoute> {
  const { inputs } = agent;
  const { clientOf, access, own: target } = await repositoryClients(agent, dispatcher);
  const baseAccess = registryAccess(agent, {
    registry: inputs.optionalText('baseRegistry'),
    connection: ['baseRegistryConnection', inputs.optionalText('baseRegistryConnection')],
    subscription: ['baseRegistrySubscription', inputs.optionalText('baseRegistrySubscription')],
  });
  const client = clientOf(target.registry, formatRepository(target), access);
  const open = (base: ImageName, by: RegistryAccess | undefined): BaseSource => {
    const isTargets = by?.login === undefined && base.registry === target.registry;
    return registryBase(isTargets ? client : clientOf(base.registry, formatImage(base), by), base);
  };
  return {
    target,
    client,
    logins: async (signal) => {
      const own = access.login === undefined ? [] : [client];
      const { host, login } = baseAccess;
      const bases = host === undefined || login === undefined ? [] : [clientOf(host, host, baseAccess)];
      return (await Promise.all([...own, ...bases].map((each) => loginOf(each, signal)))).flat();
    },
    openBase: async () => {
      const text = inputs.text('baseImage');
      const local = parseLocalBase(text);
      if (local !== undefined) return openLocalBase({ ...local, path: fullPath(agent, local.path) }, agent.signal);
      return open(parseImageName(text, baseAccess.host), baseAccess);
    },
    image: (name) => {
      const parsed = parseImageName(name);
      return open(parsed, baseAccess.host === parsed.registry ? baseAccess : undefined);
    },
  };
}

/**
 * Reads `image`, `registry`, `registryConnection` and `registrySubscription`. A name without a registry belongs
 * to the one of the connection.
 *
 * @returns the image, and what speaks to its registry
 * @throws DeliveryError `IMAGE_NAME_INVALID`, `TAG_INVALID`, and as {@link imageRoute}
 */
export async function namedImage(
  agent: Agent,
  dispatcher: Dispatcher,
): Promise<{ readonly image: ImageName; readonly client: RegistryClient }> {
  const clients = await registryClients(agent, dispatcher, (host) => parseImageName(agent.inputs.text('image'), host));
  const { clientOf, access, own: image } = clients;
  return { image, client: clientOf(image.registry, formatImage(image), access) };
}

/** Clients for the repository that the inputs are about. */
function repositoryClients(agent: Agent, dispatcher: Dispatcher) {
  return registryClients(agent, dispatcher, (host) => parseRepositoryName(agent.inputs.text('repository'), host));
}

/**
 * Makes clients of registries that sign in by the connections of the inputs, or as docker is signed in.
 *
 * @param readOwn reads the name whose registry the inputs are about, given the one of its connection: `allowHttp` is for it alone
 */
async function registryClients<Name extends RepositoryName>(
  agent: Agent,
  dispatcher: Dispatcher,
  readOwn: (host: string | undefined) => Name,
) {
  const { inputs } = agent;
  const access = registryAccess(agent, {
    registry: inputs.optionalText('registry'),
    connection: ['registryConnection', inputs.optionalText('registryConnection')],
    subscription: ['registrySubscription', inputs.optionalText('registrySubscription')],
  });
  const own = readOwn(access.host);
  const ownLogin = await dockerLogins(agent);
  const clientOf = (registry: string, name: string, by: RegistryAccess | undefined): RegistryClient =>
    new RegistryClient({
      registry,
      login: (by && checkedLogin(by, registry, name)) ?? ownLogin(registry),
      allowHttp: registry === own.registry && inputs.flag('allowHttp'),
      dispatcher,
      onToken: (token) => agent.hide(token),
    });
  return { access, own, clientOf };
}

async function loginOf(client: RegistryClient, signal: AbortSignal): Promise<readonly RegistryLogin[]> {
  const login = await client.dockerLogin(signal);
  return login === undefined ? [] : [{ ...login, registry: client.registry }];
}
