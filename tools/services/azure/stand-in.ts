// Azure's own control plane, as far as the tasks speak to it: Entra, Azure Pipelines where it vouches for connections, the
// metadata service of machines, Azure Resource Manager, and a storage account, container registries and clusters that Entra's tokens open.
// The real ones cannot run here; this one checks what it is sent as they do, so the real SDKs can be tried against it as they are.
import { randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type BlobService, blobServiceAt } from '../blob.ts';
import { startThrowawayTlsBlob, type Stoppable } from '../throwaway.ts';
import { blobFront } from './blob-front.ts';
import { answerBy, type Call, type Interruption, serve } from './calls.ts';
import { type AksCluster, startAksCluster } from './cluster-front.ts';
import { certifyLoopback, makeApplicationCertificate, makeAuthority } from './certificates.ts';
import { type Directory, emptyDirectory, type StorageAccount } from './directory.ts';
import { entra } from './entra.ts';
import { instanceMetadata } from './instance-metadata.ts';
import { publicKeyOf } from './json-web-token.ts';
import { AKS_SERVER } from './managed-clusters.ts';
import { OIDC_PATH, pipelines, PIPELINES_ISSUER } from './pipelines.ts';
import { type AzureRegistry, startAzureRegistry } from './registry-front.ts';
import { resourceManager } from './resource-manager.ts';

/** What can be changed while the stand-in runs. */
export interface Circumstances {
  /** What exists. */
  directory: Directory;
  /** How long Entra's tokens live, in seconds. */
  tokenLife: number;
  /** How long assertions of Azure Pipelines live, in seconds; undefined: as long as the real ones. */
  assertionLife: number | undefined;
  /** Whether the tenant knows container registries by their own name. */
  knowsRegistries: boolean;
  /** Answers in the place of a part: for faults. */
  interrupt: Interruption;
}

/** A running stand-in. */
export interface AzureStandIn extends Stoppable {
  readonly circumstances: Circumstances;
  /** Entra and Azure Resource Manager: `https://127.0.0.1:PORT`. */
  readonly origin: string;
  /** The metadata service, which speaks plain HTTP, as on a machine in Azure: `http://127.0.0.1:PORT`. */
  readonly metadataOrigin: string;
  /** Where jobs ask for assertions (`System.OidcRequestUri`). */
  readonly oidcRequestUri: string;
  /** PEM file of the authority that certified all of this. */
  readonly caFile: string;
  readonly account: StorageAccount;
  /** The storage account behind its door, for those who look behind it. */
  readonly blob: BlobService;
  /** Calls so far, as `POST /…`, the storage account's excepted. */
  readonly calls: readonly string[];
  /** Calls that no part knew: a stand-in that is asked these lacks something, or the caller is wrong. */
  readonly unknownCalls: readonly string[];
  /** Tokens that came to the storage account, each once. */
  readonly storageTokens: ReadonlySet<string>;
  /** Codes with which the door of the storage account turned requests away. */
  readonly storageRefusals: readonly string[];
  /** From now on the storage account takes none of the tokens that it has seen. */
  revokeTokens(): void;
  /** Starts a container registry of the subscription, which ends with the stand-in. */
  startRegistry(): Promise<AzureRegistry>;
  /**
   * Makes a cluster that runs already one of the subscription, with Entra in front of it, until the stand-in ends.
   *
   * @param kubeconfig of its administrator
   */
  startCluster(kubeconfig: string): Promise<AksCluster>;
}

/** Starts everything, on free ports of loopback, with an authority of its own. */
export async function startAzureStandIn(): Promise<AzureStandIn> {
  const authority = await makeAuthority('Azure stand-in');
  const [server, entraKeys, pipelinesKeys] = await Promise.all([
    certifyLoopback(authority),
    makeApplicationCertificate('entra'),
    makeApplicationCertificate('pipelines'),
  ]);
  const folder = await mkdtemp(join(tmpdir(), 'azure-'));
  const caFile = join(folder, 'ca.pem');
  await writeFile(caFile, authority.certificate);
  const emulator = await startThrowawayTlsBlob(server);

  const circumstances: Circumstances = {
    directory: emptyDirectory(),
    tokenLife: 3600,
    assertionLife: undefined,
    knowsRegistries: true,
    interrupt: () => undefined,
  };
  const [calls, unknownCalls, storageRefusals]: [string[], string[], string[]] = [[], [], []];
  const [storageTokens, revoked] = [new Set<string>(), new Set<string>()];
  const directory = (): Directory => circumstances.directory;
  /** Entra and Azure Resource Manager have one port, by whatever name they are called. */
  let port = '';
  const entraSurroundings = {
    directory,
    signingKey: entraKeys.key,
    tokenLife: () => circumstances.tokenLife,
    audienceOf: (scope: string) => {
      const resource = scope.replace(/\/\.default$/, '');
      if (resource === 'https://containerregistry.azure.net' && !circumstances.knowsRegistries) return undefined;
      const isKnown = ['https://storage.azure.com', 'https://containerregistry.azure.net', AKS_SERVER].includes(
        resource,
      );
      return isKnown || (URL.canParse(resource) && new URL(resource).port === port) ? resource : undefined;
    },
    issuers: { [PIPELINES_ISSUER]: publicKeyOf(pipelinesKeys.certificate) },
  };
  const entraKey = publicKeyOf(entraKeys.certificate);
  const answering = {
    interrupt: (call: Call) => {
      calls.push(nameOf(call));
      return circumstances.interrupt(call);
    },
    onUnknown: (call: Call) => unknownCalls.push(nameOf(call)),
  };
  const parts = [
    resourceManager({ directory, entraKey }),
    pipelines({ directory, signingKey: pipelinesKeys.key, assertionLife: () => circumstances.assertionLife }),
    entra(entraSurroundings),
  ];
  const door = blobFront({
    directory,
    entraKey,
    emulator: { origin: emulator.origin, ca: authority.certificate },
    isRevoked: (token) => revoked.has(token),
    onToken: (token) => storageTokens.add(token),
    onRefusal: (code) => storageRefusals.push(code),
  });
  const [control, metadata, storage] = await Promise.all([
    serve(answerBy(parts, answering), server),
    serve(answerBy([instanceMetadata(entraSurroundings)], answering)),
    serve(door, server),
  ]);
  port = new URL(control.origin).port;
  const blob = blobServiceAt(storage.origin);
  const account: StorageAccount = {
    name: blob.account,
    subscriptionId: circumstances.directory.subscriptionId,
    resourceGroup: 'models',
    keys: [blob.accountKey, Buffer.from(randomUUID().repeat(2)).subarray(0, 64).toString('base64')],
    blobEndpoint: blob.endpoint,
    allowsKeys: true,
  };
  circumstances.directory = { ...circumstances.directory, storageAccounts: [account] };
  const started: Stoppable[] = [];
  return {
    circumstances,
    origin: control.origin,
    metadataOrigin: metadata.origin,
    oidcRequestUri: `${control.origin}${OIDC_PATH}`,
    caFile,
    account,
    blob,
    calls,
    unknownCalls,
    storageTokens,
    storageRefusals,
    revokeTokens: () => storageTokens.forEach((token) => revoked.add(token)),
    startRegistry: async () => {
      const registry = await startAzureRegistry({
        directory,
        entraKey,
        server,
        resourceManager: () => control.origin,
        interrupt: (call) => circumstances.interrupt(call),
        onUnknown: (call) => unknownCalls.push(call),
      });
      started.push(registry);
      return registry;
    },
    startCluster: async (kubeconfig) => {
      const cluster = await startAksCluster(kubeconfig, { directory, entraKey });
      started.push(cluster);
      return cluster;
    },
    stop: async () => {
      await Promise.all(started.map((one) => one.stop()));
      await Promise.all([control, metadata, storage, emulator].map((running) => running.stop()));
      await rm(folder, { recursive: true, force: true });
    },
  };
}

function nameOf({ method, url }: Call): string {
  return `${method} ${url.pathname}`;
}
