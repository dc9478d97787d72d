import { DeliveryError } from '../errors/delivery-error.ts';
import type { Refusal, ResourceManager } from './resource-manager.ts';

/**
 * The application that stands for the API servers of all AKS clusters, in every cloud
 * (https://azure.github.io/kubelogin/concepts/aks.html#azure-kubernetes-service-aad-server).
 */
export const AKS_APPLICATION = '6dae42f8-4368-4678-94ff-3960e28e3630';

/** A cluster among all there are. */
export interface ClusterName {
  readonly subscriptionId: string;
  readonly resourceGroup: string;
  readonly cluster: string;
}

/** The cluster of a resource id: `/subscriptions/…/managedClusters/shop-aks`; undefined where it is none. */
export function clusterOfId(id: string): ClusterName | undefined {
  const pattern =
    /^\/subscriptions\/([^/]+)\/resourceGroups\/([^/]+)\/providers\/Microsoft\.ContainerService\/managedClusters\/([^/]+)\/?$/i;
  const [, subscriptionId, resourceGroup, cluster] = pattern.exec(id) ?? [];
  return subscriptionId === undefined || resourceGroup === undefined || cluster === undefined
    ? undefined
    : { subscriptionId, resourceGroup, cluster };
}

/** Which cluster is wanted, how, and by whom. */
export interface ClusterSearch extends ClusterName {
  /** Ask for the credentials of the local administrator. */
  readonly asAdmin: boolean;
  /** Go to the public name of a private cluster, where it has one. */
  readonly byPublicFqdn: boolean;
  /** Who asks, for messages. */
  readonly identity: string;
}

/** A cluster as Azure Resource Manager opens it. */
export interface OpenedCluster {
  /** As YAML. Its user is one of Microsoft Entra, or holds credentials that may do everything. */
  readonly kubeconfig: string;
  /** What is known of how it is reached, as a sentence for those who cannot reach it. */
  readonly surroundings: string | undefined;
}

/** The part of a cluster's description that says how it is reached. */
interface ClusterResource {
  readonly properties?: {
    readonly powerState?: { readonly code?: string };
    readonly apiServerAccessProfile?: {
      readonly enablePrivateCluster?: boolean;
      readonly enablePrivateClusterPublicFQDN?: boolean;
      readonly authorizedIPRanges?: readonly string[] | null;
    };
  };
}

const API_VERSION = 'api-version=2024-05-01';
const CLUSTERS = 'providers/Microsoft.ContainerService/managedClusters';
const ROLES = {
  user: 'Azure Kubernetes Service Cluster User Role',
  admin: 'Azure Kubernetes Service Cluster Admin Role',
} as const;
const MOST_NAMES = 10;

/**
 * Asks for the credentials of a cluster
 * (https://learn.microsoft.com/rest/api/aks/managed-clusters/list-cluster-user-credentials).
 *
 * @throws DeliveryError `CLUSTER_NOT_FOUND`, `RESOURCE_GROUP_NOT_FOUND`, `CLUSTER_CREDENTIALS_FORBIDDEN`,
 *   `CLUSTER_LOCAL_ACCOUNTS_OFF`, `CLUSTER_STOPPED`, and those of {@link ResourceManager.ask}
 */
export async function openCluster(resources: ResourceManager, wanted: ClusterSearch): Promise<OpenedCluster> {
  const [kubeconfig, description] = await Promise.all([
    kubeconfigOf(resources, wanted),
    // It only serves to explain; the credentials can be had without it.
    resources.ask('GET', `${idOf(wanted)}?${API_VERSION}`).catch(() => ({})) as Promise<ClusterResource>,
  ]);
  if (description.properties?.powerState?.code === 'Stopped') throw stopped(wanted);
  return { kubeconfig, surroundings: surroundingsOf(description, wanted) };
}

async function kubeconfigOf(resources: ResourceManager, wanted: ClusterSearch): Promise<string> {
  const action = wanted.asAdmin ? 'listClusterAdminCredential' : 'listClusterUserCredential';
  const query = [
    API_VERSION,
    ...(wanted.byPublicFqdn ? ['server-fqdn=public'] : []),
    ...(wanted.asAdmin ? [] : ['format=exec']),
  ].join('&');
  const explain = (refusal: Refusal): DeliveryError | undefined => explained(refusal, wanted);
  try {
    const answer = await resources.ask('POST', `${idOf(wanted)}/${action}?${query}`, explain);
    const { kubeconfigs = [] } = answer as { readonly kubeconfigs?: readonly { readonly value: string }[] };
    const [first] = kubeconfigs;
    if (first === undefined) throw gaveNone(wanted);
    return Buffer.from(first.value, 'base64').toString('utf8');
  } catch (error) {
    throw await withNeighbours(error, resources, wanted);
  }
}

function idOf({ subscriptionId, resourceGroup, cluster }: ClusterName): string {
  const [group, name] = [resourceGroup, cluster].map(encodeURIComponent);
  return `/subscriptions/${subscriptionId}/resourceGroups/${group ?? ''}/${CLUSTERS}/${name ?? ''}`;
}

function explained({ status, code, message }: Refusal, wanted: ClusterSearch): DeliveryError | undefined {
  const { cluster, resourceGroup, subscriptionId, identity, asAdmin } = wanted;
  if (code === 'SubscriptionNotFound') return undefined;
  if (code === 'ResourceGroupNotFound') {
    return new DeliveryError('RESOURCE_GROUP_NOT_FOUND', {
      message: `There is no resource group ${resourceGroup} in the subscription ${subscriptionId}.`,
      remedy: 'Correct the input resourceGroup, or choose a service connection for the subscription of the cluster.',
    });
  }
  if (status === 404) {
    return new DeliveryError('CLUSTER_NOT_FOUND', {
      message: `There is no cluster ${cluster} in the resource group ${resourceGroup} of the subscription ${subscriptionId}.`,
      remedy:
        'Correct the inputs cluster and resourceGroup (the group of the cluster itself, not the MC_ one of its nodes).',
    });
  }
  if (status === 403) {
    // Azure looks at roles before it looks whether there is such a thing.
    return new DeliveryError('CLUSTER_CREDENTIALS_FORBIDDEN', {
      message: `${capital(identity)} may not read the ${asAdmin ? 'admin' : 'user'} credentials of the cluster ${cluster} in the resource group ${resourceGroup}, if there is one (${code}).`,
      remedy: `Check both names, and give it the role "${ROLES[asAdmin ? 'admin' : 'user']}" on ${idOf(wanted)}.`,
    });
  }
  if (/local accounts/i.test(message)) {
    return new DeliveryError('CLUSTER_LOCAL_ACCOUNTS_OFF', {
      message: `The cluster ${cluster} has no admin credentials: its local accounts are disabled.`,
      remedy:
        'Set useClusterAdmin to false: the identity of the service connection then signs in to Microsoft Entra itself.',
    });
  }
  return undefined;
}

/** Adds to an error of what is not there the clusters that are. */
async function withNeighbours(
  error: unknown,
  resources: ResourceManager,
  { subscriptionId }: ClusterName,
): Promise<unknown> {
  const isMissing =
    error instanceof DeliveryError && ['CLUSTER_NOT_FOUND', 'RESOURCE_GROUP_NOT_FOUND'].includes(error.code);
  if (!isMissing) return error;
  const seen = await clustersOf(resources, subscriptionId).catch(() => []);
  const list = seen.length === 0 ? 'no cluster' : seen.slice(0, MOST_NAMES).join(', ');
  const { code, message, remedy } = error;
  return new DeliveryError(code, { message: `${message} The service connection sees ${list}.`, remedy, cause: error });
}

/** The clusters that may be seen, each as `name (resource group)`. */
async function clustersOf(resources: ResourceManager, subscriptionId: string): Promise<readonly string[]> {
  const names: string[] = [];
  for await (const each of resources.list(`/subscriptions/${subscriptionId}/${CLUSTERS}?${API_VERSION}`)) {
    const { id, name } = each as { readonly id: string; readonly name: string };
    names.push(`${name} (${/\/resourceGroups\/([^/]+)/i.exec(id)?.[1] ?? ''})`);
  }
  return names;
}

function gaveNone({ cluster, resourceGroup }: ClusterName): DeliveryError {
  return new DeliveryError('AZURE_FAILED', {
    message: `Azure gives no credentials for the cluster ${cluster} in the resource group ${resourceGroup}.`,
    remedy: 'Check in the portal that the cluster is there as a whole: it may just be made or removed.',
  });
}

function stopped({ cluster, resourceGroup }: ClusterName): DeliveryError {
  return new DeliveryError('CLUSTER_STOPPED', {
    message: `The cluster ${cluster} in the resource group ${resourceGroup} is stopped.`,
    remedy: `Start it: az aks start --name ${cluster} --resource-group ${resourceGroup}.`,
  });
}

function surroundingsOf({ properties = {} }: ClusterResource, { byPublicFqdn }: ClusterSearch): string | undefined {
  const { enablePrivateCluster, enablePrivateClusterPublicFQDN, authorizedIPRanges } =
    properties.apiServerAccessProfile ?? {};
  if (enablePrivateCluster === true) {
    const byName =
      enablePrivateClusterPublicFQDN === true && !byPublicFqdn
        ? ', and where only the name cannot be found, set usePublicFqdn'
        : '';
    return `It is a private cluster, so use an agent in its network or in one that is peered with it${byName}.`;
  }
  if (authorizedIPRanges === undefined || authorizedIPRanges === null || authorizedIPRanges.length === 0) {
    return undefined;
  }
  return `It lets in only the addresses ${authorizedIPRanges.join(', ')}: add that of the agent, or use an agent that has one of them.`;
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
