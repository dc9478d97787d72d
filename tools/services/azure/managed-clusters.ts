// AKS clusters, as Azure Resource Manager knows them. Follows
// https://learn.microsoft.com/rest/api/aks/managed-clusters/get, …/list, …/list-by-resource-group,
// …/list-cluster-user-credentials and …/list-cluster-admin-credentials (2024-05-01); for kubeconfigs of Entra,
// https://azure.github.io/kubelogin/concepts/aks.html.
import { stringify } from 'yaml';
import type { Answer, Call } from './calls.ts';
import { clusterId, type Directory, type LocalAccount, type ManagedCluster, mayDo } from './directory.ts';
import { failure, notFound, type Provider, refusalOf, type Work } from './resource-provider.ts';

/** The application for whose tokens the API servers of AKS ask. */
export const AKS_SERVER = '6dae42f8-4368-4678-94ff-3960e28e3630';

const TYPE = 'Microsoft.ContainerService/managedClusters';
const PATH =
  /^(?:\/resourceGroups\/([^/]+))?\/providers\/Microsoft\.ContainerService\/managedClusters(?:\/([^/]+)(?:\/(\w+))?)?$/;

export const managedClusters: Provider = (call, path) => {
  const match = PATH.exec(path);
  if (match === null || call.url.searchParams.get('api-version') !== '2024-05-01') return undefined;
  const [group, name, action] = match.slice(1).map((part: string | undefined) => part && decodeURIComponent(part));
  if (name === undefined) return call.method === 'GET' ? list(group) : undefined;
  if (group === undefined) return undefined;
  switch (`${call.method} ${action ?? ''}`) {
    case 'GET ':
      return onCluster({ group, name, action: `${TYPE}/read` }, (cluster) => ({
        status: 200,
        body: describe(cluster),
      }));
    case 'POST listClusterUserCredential':
      return credentials(call, { group, name, action: `${TYPE}/listClusterUserCredential/action` }, userKubeconfig);
    case 'POST listClusterAdminCredential':
      return credentials(call, { group, name, action: `${TYPE}/listClusterAdminCredential/action` }, adminKubeconfig);
    default:
      return undefined;
  }
};

/** Which cluster, and what is to be done to it. */
interface Target {
  readonly group: string;
  readonly name: string;
  readonly action: string;
}

/** Names count without regard to case. */
function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

/** Lists what the caller may read, of one group or all: nothing, where it may read nothing. */
function list(group: string | undefined): Work {
  return (directory, objectId) => {
    const visible = directory.managedClusters.filter(
      (cluster) =>
        (group === undefined || same(cluster.resourceGroup, group)) &&
        mayDo(directory, objectId, `${TYPE}/read`, clusterId(cluster)),
    );
    return { status: 200, body: { value: visible.map(describe) } };
  };
}

function onCluster({ group, name, action }: Target, work: (cluster: ManagedCluster) => Answer): Work {
  return (directory, objectId) => {
    const { subscriptionId } = directory;
    const id = clusterId({ subscriptionId, resourceGroup: group, name });
    const refusal = refusalOf(directory, { objectId, action, id });
    if (refusal !== undefined) return refusal;
    if (!groupsOf(directory).some((known) => same(known, group))) {
      return failure(404, 'ResourceGroupNotFound', `Resource group '${group}' could not be found.`);
    }
    const cluster = directory.managedClusters.find(
      (candidate) => same(candidate.resourceGroup, group) && same(candidate.name, name),
    );
    return cluster === undefined ? notFound(TYPE, name, group) : work(cluster);
  };
}

function groupsOf({ managedClusters: clusters, storageAccounts }: Directory): readonly string[] {
  return [...clusters, ...storageAccounts].map(({ resourceGroup }) => resourceGroup);
}

/** Makes a kubeconfig; the users that it has are what kinds of credentials differ in. */
type KubeconfigMaker = (
  cluster: ManagedCluster,
  query: URLSearchParams,
) => { readonly name: string; readonly user: object } | Answer;

function credentials({ url: { searchParams } }: Call, target: Target, make: KubeconfigMaker): Work {
  return onCluster(target, (cluster) => {
    const isPublic = searchParams.get('server-fqdn') === 'public';
    const server = isPublic ? cluster.publicServer : cluster.server;
    if (server === undefined) return refused('The cluster does not have a public FQDN.');
    const made = make(cluster, searchParams);
    if ('status' in made) return made;
    const { name, user } = made;
    const value = Buffer.from(kubeconfigOf(cluster, server, { [`${name}_${cluster.resourceGroup}`]: user }));
    return { status: 200, body: { kubeconfigs: [{ name, value: value.toString('base64') }] } };
  });
}

function userKubeconfig(cluster: ManagedCluster, query: URLSearchParams): ReturnType<KubeconfigMaker> {
  const name = 'clusterUser';
  if (!cluster.entra) return { name, user: local(cluster.user) };
  return { name, user: query.get('format') === 'azure' ? byAuthProvider(cluster) : byKubelogin(cluster) };
}

function adminKubeconfig(cluster: ManagedCluster): ReturnType<KubeconfigMaker> {
  return cluster.localAccounts
    ? { name: 'clusterAdmin', user: local(cluster.admin) }
    : refused('Getting static credential is not allowed because this cluster is set to disable local accounts.');
}

/** AKS itself leaves out what Azure Resource Manager puts around its own errors. */
function refused(message: string): Answer {
  return { status: 400, body: { code: 'BadRequest', message, subcode: '' } };
}

function local({ certificate, key, token }: LocalAccount): object {
  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  return { 'client-certificate-data': base64(certificate), 'client-key-data': base64(key), token };
}

/** An application that people sign in with, which has no part in how pipelines do. */
const AKS_CLIENT = '80faf920-1908-4b52-b5ef-a8e7bedfc67a';

function byKubelogin({ tenantId }: ManagedCluster): object {
  const options = {
    environment: 'AzurePublicCloud',
    'server-id': AKS_SERVER,
    'client-id': AKS_CLIENT,
    'tenant-id': tenantId,
  };
  return {
    exec: {
      apiVersion: 'client.authentication.k8s.io/v1beta1',
      command: 'kubelogin',
      args: [
        'get-token',
        ...Object.entries(options).flatMap(([name, value]) => [`--${name}`, value]),
        '--login',
        'devicecode',
      ],
      env: null,
      provideClusterInfo: false,
    },
  };
}

function byAuthProvider({ tenantId }: ManagedCluster): object {
  const config = { environment: 'AzurePublicCloud', 'apiserver-id': AKS_SERVER, 'client-id': AKS_CLIENT };
  return { 'auth-provider': { name: 'azure', config: { ...config, 'config-mode': '1', 'tenant-id': tenantId } } };
}

function kubeconfigOf(
  { name, authority }: ManagedCluster,
  server: string,
  users: Readonly<Record<string, object>>,
): string {
  const [user = ''] = Object.keys(users);
  return stringify({
    apiVersion: 'v1',
    kind: 'Config',
    clusters: [{ name, cluster: { 'certificate-authority-data': Buffer.from(authority).toString('base64'), server } }],
    contexts: [{ name, context: { cluster: name, user } }],
    'current-context': name,
    preferences: {},
    users: Object.entries(users).map(([key, value]) => ({ name: key, user: value })),
  });
}

function describe(cluster: ManagedCluster): object {
  const host = (url: string | undefined): string | undefined => (url === undefined ? undefined : new URL(url).hostname);
  return {
    id: clusterId(cluster),
    name: cluster.name,
    type: TYPE,
    location: 'westeurope',
    properties: {
      provisioningState: 'Succeeded',
      powerState: { code: cluster.isRunning ? 'Running' : 'Stopped' },
      fqdn: host(cluster.isPrivate ? cluster.publicServer : cluster.server),
      privateFQDN: cluster.isPrivate ? host(cluster.server) : undefined,
      enableRBAC: true,
      aadProfile: cluster.entra ? { managed: true, enableAzureRBAC: cluster.azureRbac } : undefined,
      disableLocalAccounts: !cluster.localAccounts,
      apiServerAccessProfile: {
        enablePrivateCluster: cluster.isPrivate,
        enablePrivateClusterPublicFQDN: cluster.isPrivate && cluster.publicServer !== undefined,
        authorizedIPRanges: cluster.authorizedIpRanges,
      },
    },
  };
}
