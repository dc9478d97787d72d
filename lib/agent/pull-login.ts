import { DeliveryError } from '../errors/delivery-error.ts';
import { normalRegistry } from '../oci/image-name.ts';
import type { Agent } from './agent.ts';
import type { RegistryConnection } from './service-connections.ts';

/** A login that a cluster can keep, to pull images whenever it needs them. */
export interface PullLogin {
  /** As images name it. */
  readonly registry: string;
  readonly username: string;
  readonly password: string;
}

/**
 * The login of a Docker registry connection, for nodes to pull with. It must last, so a connection that only gives
 * tokens of a few hours has none. It is hidden from the log in all its forms.
 *
 * @throws DeliveryError `CONNECTION_MISSING`, `CONNECTION_INVALID`, `PULL_SECRET_UNSUPPORTED`
 */
export function pullLogin(agent: Agent, connectionId: string): PullLogin {
  const connection = agent.connections.registry(connectionId);
  const login = lastingLogin(connection);
  if (login === undefined) throw unsupported(connectionId, connection);
  const { username, password } = login;
  for (const secret of [password, Buffer.from(`${username}:${password}`).toString('base64')]) agent.hide(secret);
  return { registry: normalRegistry(connection.host), username, password };
}

function lastingLogin(connection: RegistryConnection): Omit<PullLogin, 'registry'> | undefined {
  if (connection.kind === 'password') return connection;
  if (connection.kind === 'token') return undefined;
  const { identity } = connection.azure;
  // Azure Container Registry takes the application and its secret as user and password.
  return identity.kind === 'secret' ? { username: identity.clientId, password: identity.secret } : undefined;
}

function unsupported(id: string, { kind, host }: RegistryConnection): DeliveryError {
  const isAzure = kind === 'azure';
  const problem = isAzure ? 'whose tokens last a few hours only' : 'which gives a token without a user name';
  const remedy = isAzure
    ? 'Leave imagePullSecret out and attach the registry to the cluster (az aks update --attach-acr), or choose a Docker registry connection with user name and password, such as those of a repository-scoped token.'
    : 'Choose a Docker registry connection with user name and password.';
  return new DeliveryError('PULL_SECRET_UNSUPPORTED', {
    message: `No image pull secret for ${host} can be made of the service connection "${id}", ${problem}.`,
    remedy,
  });
}
