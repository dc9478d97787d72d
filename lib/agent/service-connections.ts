import { cloudOf } from '../azure/cloud.ts';
import type { AzureConnection, AzureIdentity } from '../azure/connection.ts';
import { cloudOfRegistry } from '../azure/container-registry.ts';
import { DeliveryError } from '../errors/delivery-error.ts';
import type { AssumedRole, S3Keys } from '../model/stores/s3-access.ts';

/** Where the fields of service connections come from: the agent in a task, a plain object in a test. */
export interface EndpointSource {
  url(id: string): string | undefined;
  scheme(id: string): string | undefined;
  parameter(id: string, key: string): string | undefined;
  data(id: string, key: string): string | undefined;
}

/** A `dockerregistry` connection. Its host, with a port perhaps, is as it stands in image names. */
export type RegistryConnection = { readonly host: string } & (
  | { readonly kind: 'password'; readonly username: string; readonly password: string }
  /** A token of the registry itself. */
  | { readonly kind: 'token'; readonly token: string }
  /** An Azure Container Registry and the identity that it is to let in. */
  | { readonly kind: 'azure'; readonly azure: AzureConnection }
);

/** A `kubernetes` connection: either a whole kubeconfig or a service account's token. */
export type KubernetesConnection =
  | { readonly kind: 'kubeconfig'; readonly kubeconfig: string; readonly context: string | undefined }
  | {
      readonly kind: 'serviceAccount';
      readonly server: string;
      readonly token: string;
      readonly caCertificate: string | undefined;
      readonly acceptUntrustedCerts: boolean;
      /** The one that a connection by Azure subscription was made for. */
      readonly namespace: string | undefined;
    };

/** A role of AWS that a connection is to work as. */
export type AwsRole = Pick<AssumedRole, 'arn' | 'externalId'> & { readonly sessionName: string | undefined };

/** An `AWS` connection of the AWS Toolkit: keys, a role that they assume, or one that the run's own identity assumes. */
export type AwsConnection = { readonly region: string | undefined } & (
  | { readonly kind: 'keys'; readonly keys: S3Keys }
  | { readonly kind: 'keysOfRole'; readonly keys: S3Keys; readonly role: AwsRole }
  | {
      readonly kind: 'oidc';
      readonly id: string;
      readonly role: AwsRole;
      /** The run's own token, by which Azure Pipelines knows who asks it to vouch. */
      readonly accessToken: string;
    }
);

/** Reads service connections into types. Throws {@link DeliveryError} `CONNECTION_MISSING` or `CONNECTION_INVALID`. */
export class ServiceConnections {
  readonly #source: EndpointSource;

  constructor(source: EndpointSource) {
    this.#source = source;
  }

  /** Reads a `dockerregistry` connection of any of its schemes: Docker Hub, Azure Container Registry or any other registry. */
  registry(id: string): RegistryConnection {
    const scheme = this.#schemeOf(id);
    switch (scheme) {
      case 'usernamepassword':
        return {
          kind: 'password',
          host: this.#registryHost(id),
          username: this.#parameter(id, 'username'),
          password: this.#parameter(id, 'password'),
        };
      case 'token':
        return this.#registryByToken(id);
      case 'serviceprincipal':
      case 'workloadidentityfederation':
      case 'managedserviceidentity':
        return this.#azureRegistry(id);
      default:
        throw notUnderstood(id, scheme, 'a Docker registry connection');
    }
  }

  #registryByToken(id: string): RegistryConnection {
    const [host, token] = [this.#registryHost(id), this.#parameter(id, 'apitoken')];
    const username = this.#optionalParameter(id, 'username');
    return username === undefined
      ? { kind: 'token', host, token }
      : { kind: 'password', host, username, password: token };
  }

  /** What such a connection does not say of its cloud, the registry's address does. */
  #azureRegistry(id: string): RegistryConnection {
    const host = registryHost(this.#parameter(id, 'loginServer'));
    return { kind: 'azure', host, azure: this.#azureConnection(id, host) };
  }

  #registryHost(id: string): string {
    return registryHost(
      this.#optionalParameter(id, 'registry') ?? this.#optionalParameter(id, 'loginServer') ?? this.#url(id),
    );
  }

  /** Reads an `AzureRM` connection of any of its schemes. */
  azure(id: string): AzureConnection {
    return this.#azureConnection(id);
  }

  /** @param registry whose connection it is; undefined: it is one to Azure Resource Manager */
  #azureConnection(id: string, registry?: string): AzureConnection {
    const data = (key: string): string | undefined => this.#optionalData(id, key);
    return {
      id,
      identity: this.#azureIdentity(id),
      subscriptionId: data('subscriptionid'),
      cloud: cloudOf({
        environment: data('environment') ?? (registry === undefined ? undefined : cloudOfRegistry(registry)),
        // The URL of a connection to a registry is the registry's.
        resourceManager: registry === undefined ? this.#source.url(id) : undefined,
        authority: data('activeDirectoryAuthority') ?? data('environmentAuthorityUrl'),
        resourceManagerAudience: data('activeDirectoryServiceEndpointResourceId'),
        storageSuffix: data('StorageEndpointSuffix'),
      }),
    };
  }

  #azureIdentity(id: string): AzureIdentity {
    const scheme = this.#schemeOf(id);
    switch (scheme) {
      case 'workloadidentityfederation':
        return {
          kind: 'federated',
          ...this.#application(id),
          // The run's own connection to Azure Pipelines, which every task has.
          accessToken: this.#parameter('SYSTEMVSSCONNECTION', 'ACCESSTOKEN'),
        };
      case 'serviceprincipal':
        return this.#optionalParameter(id, 'authenticationType')?.toLowerCase() === 'spncertificate'
          ? { kind: 'certificate', ...this.#application(id), pem: this.#parameter(id, 'servicePrincipalCertificate') }
          : { kind: 'secret', ...this.#application(id), secret: this.#parameter(id, 'serviceprincipalkey') };
      case 'managedserviceidentity':
        return { kind: 'managed', clientId: this.#optionalData(id, 'msiclientId') };
      default:
        throw notUnderstood(id, scheme, 'an Azure Resource Manager connection');
    }
  }

  #application(id: string): { readonly tenantId: string; readonly clientId: string } {
    return { tenantId: this.#parameter(id, 'tenantid'), clientId: this.#parameter(id, 'serviceprincipalid') };
  }

  /** Reads an `AWS` connection. Its scheme `None` stands for OIDC. */
  aws(id: string): AwsConnection {
    const scheme = this.#schemeOf(id);
    const region = this.#optionalParameter(id, 'region');
    const told = {
      sessionName: this.#optionalParameter(id, 'roleSessionName'),
      externalId: this.#optionalParameter(id, 'externalId'),
    };
    if (scheme === 'none') {
      const accessToken = this.#parameter('SYSTEMVSSCONNECTION', 'ACCESSTOKEN');
      return { kind: 'oidc', region, id, accessToken, role: { ...told, arn: this.#parameter(id, 'role') } };
    }
    if (scheme !== 'usernamepassword') throw notUnderstood(id, scheme, 'a connection of the AWS Toolkit');
    const keys: S3Keys = {
      kind: 'keys',
      accessKeyId: this.#parameter(id, 'username'),
      secretAccessKey: this.#parameter(id, 'password'),
      sessionToken: this.#optionalParameter(id, 'sessionToken'),
    };
    const arn = this.#optionalParameter(id, 'assumeRoleArn');
    return arn === undefined
      ? { kind: 'keys', region, keys }
      : { kind: 'keysOfRole', region, keys, role: { ...told, arn } };
  }

  /** Reads a `kubernetes` connection by its `authorizationType`. */
  kubernetes(id: string): KubernetesConnection {
    const scheme = this.#schemeOf(id);
    const type = (this.#source.data(id, 'authorizationType') ?? 'Kubeconfig').toLowerCase();
    switch (type) {
      case 'kubeconfig':
        return {
          kind: 'kubeconfig',
          kubeconfig: this.#parameter(id, 'kubeconfig'),
          context: this.#optionalParameter(id, 'clusterContext'),
        };
      case 'serviceaccount':
      case 'azuresubscription': {
        const certificate = this.#optionalParameter(id, 'serviceAccountCertificate');
        return {
          kind: 'serviceAccount',
          server: this.#url(id),
          token: fromBase64(this.#parameter(id, 'apiToken')),
          caCertificate: certificate === undefined ? undefined : fromBase64(certificate),
          acceptUntrustedCerts: this.#source.data(id, 'acceptUntrustedCerts')?.toLowerCase() === 'true',
          namespace: this.#optionalData(id, 'namespace'),
        };
      }
      default:
        throw notUnderstood(
          id,
          `${scheme}/${type}`,
          'a Kubernetes connection by kubeconfig, service account or Azure subscription',
        );
    }
  }

  #schemeOf(id: string): string {
    const scheme = this.#source.scheme(id);
    if (scheme === undefined) {
      throw new DeliveryError('CONNECTION_MISSING', {
        message: `The agent gave no service connection "${id}".`,
        remedy:
          'Check its name, and that this pipeline may use it (Project settings → Service connections → Security).',
      });
    }
    return scheme.toLowerCase();
  }

  #url(id: string): string {
    const url = this.#source.url(id);
    if (url === undefined) throw lacks(id, 'url');
    return url;
  }

  #optionalParameter(id: string, key: string): string | undefined {
    const value = this.#source.parameter(id, key);
    return value === '' ? undefined : value;
  }

  #optionalData(id: string, key: string): string | undefined {
    const value = this.#source.data(id, key);
    return value === '' ? undefined : value;
  }

  #parameter(id: string, key: string): string {
    const value = this.#optionalParameter(id, key);
    if (value === undefined) throw lacks(id, key);
    return value;
  }
}

/** The host by which images name a registry; Docker Hub's connections carry its old index address. */
function registryHost(registry: string): string {
  const host = registry.replace(/^https?:\/\//, '').replace(/\/.*$/, '');
  return host === 'index.docker.io' ? 'docker.io' : host;
}

/** The fields of a Secret are base64; a token or a PEM that a script has put there as it is holds what base64 does not. */
function fromBase64(text: string): string {
  return /[^A-Za-z0-9+/=\s]/.test(text) ? text : Buffer.from(text, 'base64').toString('utf8');
}

function lacks(id: string, key: string): DeliveryError {
  return new DeliveryError('CONNECTION_INVALID', {
    message: `The service connection "${id}" has no ${key}.`,
    remedy: 'Edit it under Project settings → Service connections and save it again.',
  });
}

function notUnderstood(id: string, scheme: string, wanted: string): DeliveryError {
  return new DeliveryError('CONNECTION_INVALID', {
    message: `The service connection "${id}" is of the kind ${scheme}, which this input does not take.`,
    remedy: `Choose ${wanted}.`,
  });
}
