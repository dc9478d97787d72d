// The Azure stand-in with one identity of each kind in it, and the service connections that sign in as these.
import { randomUUID } from 'node:crypto';
import { Agent as HttpsAgent } from 'node:https';
import { readFileSync } from 'node:fs';
import { ManagedIdentityApplication } from '@azure/msal-node';
import { BlobServiceClient, type ContainerClient, newPipeline, StorageSharedKeyCredential } from '@azure/storage-blob';
import type { AzureConnection } from '../../lib/azure/connection.ts';
import { ServiceConnections } from '../../lib/agent/service-connections.ts';
import { type Connection, connectionId } from '../../tools/agent/endpoint-environment.ts';
import { type CertifiedKey, makeApplicationCertificate } from '../../tools/services/azure/certificates.ts';
import {
  accountId,
  type Application,
  application,
  clusterId,
  type Directory,
  type ManagedCluster,
  registryId,
  type Role,
} from '../../tools/services/azure/directory.ts';
import { EXCHANGE_AUDIENCE, PIPELINES_ISSUER } from '../../tools/services/azure/pipelines.ts';
import type { AzureRegistry } from '../../tools/services/azure/registry-front.ts';
import { type AzureStandIn, startAzureStandIn } from '../../tools/services/azure/stand-in.ts';

/** The ways in which a service connection signs in. */
export const SCHEMES = ['federated', 'secret', 'certificate', 'managed'] as const;
export type Scheme = (typeof SCHEMES)[number];

/** The run's own token. */
const RUN_TOKEN = `run-${randomUUID()}`;
const SUBJECT = 'sc://my-organization/my-project/models';
/** Id of the service connection `models`. */
export const CONNECTION_ID = connectionId('models');
/** Holds what base64 and URLs would spell otherwise. */
const SECRET = 'p/a+s=s~w&o%r d-ünlike';

export class TestAzure {
  readonly standIn: AzureStandIn;
  readonly application: Application;
  readonly certificate: CertifiedKey;
  /** The emptiest state to which each test returns. */
  readonly #usual: Directory;

  private constructor(standIn: AzureStandIn, own: Application, certificate: CertifiedKey, usual: Directory) {
    this.standIn = standIn;
    this.application = own;
    this.certificate = certificate;
    this.#usual = usual;
  }

  static async start(): Promise<TestAzure> {
    const [standIn, certificate] = await Promise.all([startAzureStandIn(), makeApplicationCertificate('models')]);
    const own = application({
      secrets: [
        { value: SECRET, expires: new Date(Date.now() + 86_400_000) },
        { value: 'expired', expires: new Date(Date.now() - 86_400_000) },
      ],
      certificates: [certificate.certificate],
      federatedCredentials: [{ issuer: PIPELINES_ISSUER, subject: SUBJECT, audience: EXCHANGE_AUDIENCE }],
    });
    const usual = {
      ...standIn.circumstances.directory,
      applications: [own],
      managedIdentities: [{ clientId: randomUUID(), objectId: own.objectId, isSystemAssigned: true }],
      runTokens: [RUN_TOKEN],
      connections: [{ id: CONNECTION_ID, subject: SUBJECT }],
    };
    const azure = new TestAzure(standIn, own, certificate, usual);
    azure.reset();
    return azure;
  }

  /** Everything as at the start: each identity proves itself, nobody has a role. */
  reset(): void {
    const { circumstances } = this.standIn;
    Object.assign(circumstances, {
      directory: this.#usual,
      tokenLife: 3600,
      assertionLife: undefined,
      knowsRegistries: true,
      interrupt: () => undefined,
    });
  }

  /** Changes what exists. */
  change(part: Partial<Directory>): void {
    const { circumstances } = this.standIn;
    circumstances.directory = { ...circumstances.directory, ...part };
  }

  /** Gives all identities a role on the storage account, or on one container of it. */
  grant(role: Role, container?: string): void {
    const account = accountId(this.standIn.account);
    const scope = container === undefined ? account : `${account}/blobServices/default/containers/${container}`;
    const { roles } = this.standIn.circumstances.directory;
    this.change({ roles: [...roles, { objectId: this.application.objectId, role, scope }] });
  }

  /** Gives all identities a role on a registry. */
  grantOn({ circumstances: { registry } }: AzureRegistry, role: Role): void {
    const { roles } = this.standIn.circumstances.directory;
    this.change({ roles: [...roles, { objectId: this.application.objectId, role, scope: registryId(registry) }] });
  }

  /** Gives all identities a role on a cluster. */
  grantOnCluster(cluster: ManagedCluster, role: Role): void {
    const { roles } = this.standIn.circumstances.directory;
    this.change({ roles: [...roles, { objectId: this.application.objectId, role, scope: clusterId(cluster) }] });
  }

  /** A Docker registry connection of the kind Azure Container Registry. */
  registryConnection(scheme: Scheme, host: string, parameters: Readonly<Record<string, string>> = {}): Connection {
    const { authorization, data } = this.connection(scheme, { loginServer: host, ...parameters });
    const { activeDirectoryAuthority = '' } = data ?? {};
    return {
      // The same id, for which Azure Pipelines vouches.
      name: 'models',
      type: 'dockerregistry',
      url: `https://${host}`,
      authorization,
      data: { registrytype: 'ACR', activeDirectoryAuthority },
    };
  }

  /** A service connection as the agent knows it. */
  connection(scheme: Scheme, parameters: Readonly<Record<string, string>> = {}): Connection {
    const { origin, account, circumstances } = this.standIn;
    const { tenantId } = circumstances.directory;
    const names = { tenantid: tenantId, serviceprincipalid: this.application.clientId };
    const authorization = {
      federated: { scheme: 'WorkloadIdentityFederation', parameters: names },
      secret: {
        scheme: 'ServicePrincipal',
        parameters: { ...names, authenticationType: 'spnKey', serviceprincipalkey: SECRET },
      },
      certificate: {
        scheme: 'ServicePrincipal',
        parameters: {
          ...names,
          authenticationType: 'spnCertificate',
          servicePrincipalCertificate: `${this.certificate.certificate}${this.certificate.key}`,
        },
      },
      managed: { scheme: 'ManagedServiceIdentity', parameters: { tenantid: tenantId } },
    }[scheme];
    return {
      name: 'models',
      type: 'AzureRM',
      url: `${origin}/`,
      authorization: { ...authorization, parameters: { ...authorization.parameters, ...parameters } },
      data: {
        environment: 'AzureCloud',
        activeDirectoryAuthority: `${origin}/`,
        subscriptionid: account.subscriptionId,
        subscriptionname: 'Stand-in',
      },
    };
  }

  /** The same as the code of a task reads it. */
  readConnection(scheme: Scheme, parameters: Readonly<Record<string, string>> = {}): AzureConnection {
    const connections = [this.connection(scheme, parameters), this.runConnection()];
    const find = (id: string): Connection | undefined => connections.find(({ name }) => connectionId(name) === id);
    const field = (fields: Readonly<Record<string, string>> | undefined, key: string): string | undefined =>
      Object.entries(fields ?? {}).find(([name]) => name.toLowerCase() === key.toLowerCase())?.[1];
    return new ServiceConnections({
      url: (id) => find(id)?.url,
      scheme: (id) => find(id)?.authorization.scheme,
      parameter: (id, key) => field(find(id)?.authorization.parameters, key),
      data: (id, key) => field(find(id)?.data, key),
    }).azure(CONNECTION_ID);
  }

  /** The connection by which a run knows itself to Azure Pipelines. */
  runConnection(token = RUN_TOKEN): Connection {
    return {
      name: 'SystemVssConnection',
      type: 'ExternalTfs',
      url: this.standIn.origin,
      authorization: { scheme: 'OAuth', parameters: { AccessToken: token } },
    };
  }

  /** What the agent and the machine set for a task. */
  get environment(): Readonly<Record<string, string>> {
    return {
      SYSTEM_OIDCREQUESTURI: this.standIn.oidcRequestUri,
      AZURE_POD_IDENTITY_AUTHORITY_HOST: this.standIn.metadataOrigin,
    };
  }

  /** Everything that no log may show. */
  get secrets(): readonly string[] {
    return [SECRET, RUN_TOKEN, this.certificate.key, ...this.standIn.storageTokens, ...this.standIn.account.keys];
  }

  /** A container of the storage account, by Microsoft's own client and the account's key: past Entra and roles. */
  async container(): Promise<ContainerClient> {
    const { blob, caFile } = this.standIn;
    const pipeline = newPipeline(new StorageSharedKeyCredential(blob.account, blob.accountKey));
    const agent = new HttpsAgent({ ca: readFileSync(caFile, 'utf8'), keepAlive: false });
    pipeline.factories.push({
      create: (next) => ({
        sendRequest: (request) => {
          request.agent = agent;
          return next.sendRequest(request);
        },
      }),
    });
    const client = new BlobServiceClient(blob.endpoint, pipeline).getContainerClient(
      `models-${randomUUID().slice(0, 8)}`,
    );
    await client.create();
    return client;
  }
}

/** A part of the library that its types do not show: where it found the metadata service, for the whole process. */
interface WithSource {
  readonly managedIdentityClient: { readonly constructor: { identitySource?: unknown } };
}

/** Lets managed identities be looked for anew: an agent has one metadata service for ever, tests have one each. */
function forgetMetadataService(): void {
  const application = new ManagedIdentityApplication() as unknown as WithSource;
  application.managedIdentityClient.constructor.identitySource = undefined;
}

/** Runs work with variables in this process's environment, where the identity library looks for them. */
export async function withEnvironment<T>(values: Readonly<Record<string, string>>, work: () => Promise<T>): Promise<T> {
  const before = Object.fromEntries(Object.keys(values).map((name) => [name, process.env[name]]));
  Object.assign(process.env, values);
  forgetMetadataService();
  try {
    return await work();
  } finally {
    for (const [name, value] of Object.entries(before)) {
      if (value === undefined) Reflect.deleteProperty(process.env, name);
      else process.env[name] = value;
    }
  }
}
