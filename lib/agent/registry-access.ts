import { cloudOfRegistry, registryAddress, registryTokens } from '../azure/container-registry.ts';
import type { AzureSession } from '../azure/session.ts';
import { DeliveryError } from '../errors/delivery-error.ts';
import { isLoopback } from '../http/proxy.ts';
import { normalRegistry } from '../oci/image-name.ts';
import { type Login, secretsOf } from '../oci/login.ts';
import type { Agent } from './agent.ts';
import { azureSession, sessionOf } from './azure-session.ts';

/** The values of the inputs that say how to get into a registry. */
export interface AccessInputs {
  /** A registry by its host, or of Azure by its mere name. */
  readonly registry: string | undefined;
  /** Name and value of the input for a Docker registry connection. */
  readonly connection: readonly [name: string, id: string | undefined];
  /** Name and value of the input for an Azure connection. */
  readonly subscription: readonly [name: string, id: string | undefined];
}

/** A registry, as far as inputs name one, and the way in. */
export interface RegistryAccess {
  /** As images name it; undefined where only the image says. */
  readonly host: string | undefined;
  /** Undefined: nobody in particular. */
  readonly login: Login | undefined;
  /** The input that it comes from. */
  readonly input: string;
}

/**
 * Reads the connection to a registry. Its secrets are hidden from the log.
 *
 * @throws DeliveryError `INPUT_INVALID`, `CONNECTION_MISSING`, `CONNECTION_INVALID`
 */
export function registryAccess(agent: Agent, { registry, connection, subscription }: AccessInputs): RegistryAccess {
  const [[byConnection, id], [byAzure, azureId]] = [connection, subscription];
  if (id !== undefined && azureId !== undefined) {
    throw new DeliveryError('INPUT_INVALID', {
      message: `The inputs ${byConnection} and ${byAzure} are both given.`,
      remedy: 'Keep the one that is to sign in to the registry.',
    });
  }
  if (azureId !== undefined) {
    const session = azureSession(agent, azureId);
    const host = registry === undefined ? undefined : azureHost(registry, session);
    return { host, login: azureLogin(session), input: byAzure };
  }
  const given = registry === undefined ? undefined : normalRegistry(registry);
  if (id === undefined) return { host: given, login: undefined, input: 'registry' };
  const { host, login } = connectionLogin(agent, id);
  checkHost({ host, input: byConnection }, given ?? host, 'the input registry');
  return { host, login, input: byConnection };
}

function connectionLogin(agent: Agent, id: string): { readonly host: string; readonly login: Login } {
  const connection = agent.connections.registry(id);
  const host = normalRegistry(connection.host);
  const from = `the service connection "${id}"`;
  switch (connection.kind) {
    case 'password': {
      const { username, password } = connection;
      return { host, login: hidden(agent, { kind: 'password', username, password, from }) };
    }
    case 'token':
      return { host, login: hidden(agent, { kind: 'token', token: connection.token, from }) };
    case 'azure':
      return { host, login: azureLogin(sessionOf(agent, connection.azure)) };
  }
}

function hidden(agent: Agent, login: Login): Login {
  for (const secret of secretsOf(login)) agent.hide(secret);
  return login;
}

function azureLogin(session: AzureSession): Login {
  return {
    kind: 'azure',
    identity: session.identity,
    token: registryTokens(session),
    from: `the service connection "${session.connection.id}"`,
  };
}

/** A mere name is one of the connection's cloud. */
function azureHost(registry: string, { connection }: AzureSession): string {
  return normalRegistry(/[.:]/.test(registry) ? registry : registryAddress(registry, connection.cloud.name));
}

/**
 * The login for a registry: that of its own connection, and no other. A token of Azure goes to Azure's registries alone.
 *
 * @param name what is wanted of the registry, for messages
 * @throws DeliveryError `INPUT_INVALID`, `REGISTRY_NOT_AZURE`
 */
export function checkedLogin(access: RegistryAccess, registry: string, name: string): Login | undefined {
  if (access.host !== undefined) checkHost({ ...access, host: access.host }, registry, name);
  if (
    access.login?.kind !== 'azure' ||
    cloudOfRegistry(registry) !== undefined ||
    isLoopback(new URL(`https://${registry}`).hostname)
  )
    return access.login;
  throw new DeliveryError('REGISTRY_NOT_AZURE', {
    message: `The input ${access.input} signs in to Azure Container Registry, but ${name} is of ${registry}.`,
    remedy: 'Name a registry such as myregistry.azurecr.io, or choose a Docker registry connection.',
  });
}

/** Credentials of one registry are never shown to another. */
function checkHost(
  { host, input }: { readonly host: string; readonly input: string },
  registry: string,
  name: string,
): void {
  if (host === registry) return;
  throw new DeliveryError('INPUT_INVALID', {
    message: `The input ${input} is for ${host}, but ${name} is of ${registry}.`,
    remedy: `Choose a connection to ${registry}, or leave the registry out of the name.`,
  });
}
