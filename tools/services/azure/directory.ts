// What exists in the stand-in's Azure: who may sign in, what there is, and who may do what.
import { randomUUID } from 'node:crypto';
import type { CertifiedKey } from './certificates.ts';

/** What Entra must find in an assertion from outside for an application to be believed. */
export interface FederatedCredential {
  readonly issuer: string;
  readonly subject: string;
  readonly audience: string;
}

/** An application of the tenant, with every way in which it can prove itself. */
export interface Application {
  readonly clientId: string;
  /** Id of its service principal, by which roles are assigned. */
  readonly objectId: string;
  readonly secrets: readonly { readonly value: string; readonly expires: Date }[];
  /** As PEM. */
  readonly certificates: readonly string[];
  readonly federatedCredentials: readonly FederatedCredential[];
  readonly enabled: boolean;
}

/** An identity that a machine has. */
export interface ManagedIdentity {
  readonly clientId: string;
  readonly objectId: string;
  /** The machine's own one, which is meant where none is named. */
  readonly isSystemAssigned: boolean;
}

/** Built-in roles that the tasks' documentation speaks of. */
export type Role =
  | 'Reader'
  | 'Reader and Data Access'
  | 'Storage Account Key Operator Service Role'
  | 'Storage Blob Data Reader'
  | 'Storage Blob Data Contributor'
  | 'AcrPull'
  | 'AcrPush'
  | 'Container Registry Repository Reader'
  | 'Container Registry Repository Writer'
  | 'Azure Kubernetes Service Cluster User Role'
  | 'Azure Kubernetes Service Cluster Admin Role';

export interface RoleAssignment {
  readonly objectId: string;
  readonly role: Role;
  /** Such as `/subscriptions/…/storageAccounts/models`; holds for all that is below. */
  readonly scope: string;
}

export interface StorageAccount {
  readonly name: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly keys: readonly string[];
  /** Such as `https://127.0.0.1:4711/devstoreaccount1`, without a slash at its end. */
  readonly blobEndpoint: string;
  /** Whether its keys open it (`allowSharedKeyAccess`). */
  readonly allowsKeys: boolean;
}

/** A container registry. */
export interface ContainerRegistry {
  readonly name: string;
  /** As it stands in image names. */
  readonly loginServer: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Which roles count: those for whole registries, or those that may have conditions on repositories. */
  readonly roleAssignmentMode: 'rbac' | 'abac';
  /** The user who may do everything, where that is enabled. */
  readonly admin?: { readonly username: string; readonly password: string } | undefined;
  /** Whether tokens for Azure Resource Manager open it (`azureADAuthenticationAsArmPolicy`). */
  readonly allowsResourceManagerTokens: boolean;
  /** Where all callers come from, and from where the firewall lets nobody in. */
  readonly blockedAddress?: string | undefined;
}

/** One of a cluster's own accounts, which Entra does not know: both proofs say the same. */
export interface LocalAccount extends CertifiedKey {
  readonly token: string;
}

/** An AKS cluster. */
export interface ManagedCluster {
  readonly name: string;
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  /** Whose identities it knows. */
  readonly tenantId: string;
  /** Where its API server answers: by its private name, where it is private. */
  readonly server: string;
  /** The public name of a private cluster, where it has one. */
  readonly publicServer: string | undefined;
  /** The certificate authority of its API server, as PEM. */
  readonly authority: string;
  /** Whether its users are Entra's, who are told apart by tokens. */
  readonly entra: boolean;
  /** Whether Azure's roles say what may be done inside of it. */
  readonly azureRbac: boolean;
  /** Whether its own accounts work (`disableLocalAccounts`). */
  readonly localAccounts: boolean;
  readonly user: LocalAccount;
  readonly admin: LocalAccount;
  readonly isRunning: boolean;
  readonly isPrivate: boolean;
  readonly authorizedIpRanges: readonly string[];
}

/** A service connection, as Azure Pipelines knows it. */
export interface PipelineConnection {
  readonly id: string;
  /** Such as `sc://my-organization/my-project/my-connection`. */
  readonly subject: string;
}

export interface Directory {
  readonly tenantId: string;
  readonly subscriptionId: string;
  readonly applications: readonly Application[];
  readonly managedIdentities: readonly ManagedIdentity[];
  readonly roles: readonly RoleAssignment[];
  readonly storageAccounts: readonly StorageAccount[];
  readonly managedClusters: readonly ManagedCluster[];
  readonly connections: readonly PipelineConnection[];
  /** Tokens by which runs of pipelines are known (`System.AccessToken`). */
  readonly runTokens: readonly string[];
}

/** A tenant and a subscription with nothing in them. */
export function emptyDirectory(): Directory {
  return {
    tenantId: randomUUID(),
    subscriptionId: randomUUID(),
    applications: [],
    managedIdentities: [],
    roles: [],
    storageAccounts: [],
    managedClusters: [],
    connections: [],
    runTokens: [],
  };
}

/** An application that cannot prove itself in any way yet. */
export function application(proofs: Partial<Application> = {}): Application {
  return {
    clientId: randomUUID(),
    objectId: randomUUID(),
    secrets: [],
    certificates: [],
    federatedCredentials: [],
    enabled: true,
    ...proofs,
  };
}

/** A storage account's id in Azure Resource Manager. */
export function accountId({ subscriptionId, resourceGroup, name }: StorageAccount): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.Storage/storageAccounts/${name}`;
}

/** An account that is also known by a token. */
export function localAccount(certified: CertifiedKey): LocalAccount {
  return { ...certified, token: randomUUID().replaceAll('-', '') };
}

/** A cluster's id in Azure Resource Manager. */
export function clusterId({
  subscriptionId,
  resourceGroup,
  name,
}: Pick<ManagedCluster, 'subscriptionId' | 'resourceGroup' | 'name'>): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerService/managedClusters/${name}`;
}

/** A registry's id in Azure Resource Manager. */
export function registryId({ subscriptionId, resourceGroup, name }: ContainerRegistry): string {
  return `/subscriptions/${subscriptionId}/resourceGroups/${resourceGroup}/providers/Microsoft.ContainerRegistry/registries/${name}`;
}

// https://learn.microsoft.com/azure/role-based-access-control/built-in-roles/storage and …/containers
const ACTIONS: Readonly<Record<Role, readonly string[]>> = {
  Reader: ['Microsoft.Storage/storageAccounts/read', 'Microsoft.ContainerService/managedClusters/read'],
  'Reader and Data Access': [
    'Microsoft.Storage/storageAccounts/read',
    'Microsoft.Storage/storageAccounts/listKeys/action',
  ],
  'Storage Account Key Operator Service Role': ['Microsoft.Storage/storageAccounts/listKeys/action'],
  'Storage Blob Data Reader': ['Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read'],
  'Storage Blob Data Contributor': [
    'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/read',
    'Microsoft.Storage/storageAccounts/blobServices/containers/blobs/write',
  ],
  AcrPull: ['Microsoft.ContainerRegistry/registries/pull/read'],
  AcrPush: ['Microsoft.ContainerRegistry/registries/pull/read', 'Microsoft.ContainerRegistry/registries/push/write'],
  'Container Registry Repository Reader': [
    'Microsoft.ContainerRegistry/registries/repositories/content/read',
    'Microsoft.ContainerRegistry/registries/repositories/metadata/read',
  ],
  'Container Registry Repository Writer': [
    'Microsoft.ContainerRegistry/registries/repositories/content/read',
    'Microsoft.ContainerRegistry/registries/repositories/content/write',
    'Microsoft.ContainerRegistry/registries/repositories/metadata/read',
  ],
  'Azure Kubernetes Service Cluster User Role': [
    'Microsoft.ContainerService/managedClusters/read',
    'Microsoft.ContainerService/managedClusters/listClusterUserCredential/action',
  ],
  'Azure Kubernetes Service Cluster Admin Role': [
    'Microsoft.ContainerService/managedClusters/read',
    'Microsoft.ContainerService/managedClusters/listClusterAdminCredential/action',
  ],
};

/** Whether somebody may do something at a place. */
export function mayDo({ roles }: Directory, objectId: string, action: string, place: string): boolean {
  return roles.some(
    (assignment) =>
      assignment.objectId === objectId &&
      ACTIONS[assignment.role].includes(action) &&
      `${place}/`.toLowerCase().startsWith(`${assignment.scope.toLowerCase()}/`),
  );
}
