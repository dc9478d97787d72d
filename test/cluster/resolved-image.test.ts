import assert from 'node:assert/strict';
import type { AksCluster } from '../../tools/services/azure/cluster-front.ts';
import { clusterId } from '../../tools/services/azure/directory.ts';
import { AksBench } from '../support/aks-bench.ts';
import type { TestAzure } from '../support/azure.ts';
import { kubeconfigConnection, RolloutBench } from '../support/rollout-bench.ts';
import { type Connection, type NodeVersion, runTaskProcess, type TaskProcessResult } from '../support/packed-task.ts';

const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: app
          command: [sleep, '3600']
`;

/** What it takes to look. */
const READER = [
  { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] },
  { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
];

/** The repository that both images of the bench are of, with the tags 1 and 2. */
function repositoryOf({ images }: RolloutBench): string {
  return images[0].split('@')[0] ?? '';
}

function changedBy({ result, outputs, log }: TaskProcessResult): string | undefined {
  assert.equal(result, 'Succeeded', log);
  return outputs.changed;
}

function errorOf({ result, issues, log }: TaskProcessResult): string {
  assert.equal(result, 'Failed', log);
  return issues.find(({ type }) => type === 'error')?.message ?? '';
}

describe('ResolveLatestImage and what is deployed', () => {
  let bench: RolloutBench;
  before(async function () {
    this.timeout('15m');
    bench = await RolloutBench.open();
  });
  after(async () => bench.close());

  /** Looks whether an image of the bench is deployed. */
  const resolve = async (
    tag: '1' | '2',
    inputs: Readonly<Record<string, string>> = {},
    kubeconfig = bench.kubeconfig,
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task: 'ResolveLatestImage',
      inputs: {
        repository: repositoryOf(bench),
        newestBy: 'tag',
        tag,
        kubernetesConnection: 'cluster',
        namespace: bench.namespace,
        workload: 'app',
        ...inputs,
      },
      connections: [kubeconfigConnection(kubeconfig)],
    });

  it('tells by the workload whether there is anything to roll out', async function () {
    this.timeout('180s');
    assert.equal(changedBy(await resolve('1')), 'true', 'there is no such workload yet');
    const byDigest = await bench.rollOut(MANIFEST, { images: `app=${bench.images[0]}` });
    assert.equal(byDigest.result, 'Succeeded', byDigest.log);
    assert.equal(changedBy(await resolve('1')), 'false');
    assert.equal(changedBy(await resolve('2')), 'true');
    assert.equal(changedBy(await resolve('1', { workload: 'deployment/app', containerName: 'web' })), 'false');

    // Named by tag, only its pods know what it is.
    const byTag = await bench.rollOut(MANIFEST, { images: `app=${repositoryOf(bench)}:2` });
    assert.equal(byTag.result, 'Succeeded', byTag.log);
    assert.equal(changedBy(await resolve('2')), 'false');
    assert.equal(changedBy(await resolve('1')), 'true');

    assert.match(errorOf(await resolve('1', { containerName: 'wep' })), /^WORKLOAD_CONTAINER_MISSING: .*It has: web/);
    assert.match(errorOf(await resolve('1', { workload: 'job/app' })), /^WORKLOAD_INVALID/);

    assert.equal(changedBy(await resolve('2', {}, await bench.kubeconfigOf('reader', READER))), 'false');
    assert.match(
      errorOf(await resolve('2', {}, await bench.kubeconfigOf('nobody', []))),
      /^CLUSTER_FORBIDDEN: .*get deployments\.apps/,
    );
  });
});

describe('ResolveLatestImage and an AKS cluster by an Azure connection', () => {
  let shop: AksBench;
  let bench: RolloutBench;
  let azure: TestAzure;
  let aks: AksCluster;

  before(async function () {
    this.timeout('15m');
    shop = await AksBench.open();
    ({ bench, azure, aks } = shop);
    await bench.allow('reader', READER, { kind: 'User', name: azure.application.objectId });
    // By tag, so that pods are asked as well.
    const run = await bench.rollOut(MANIFEST, { images: `app=${repositoryOf(bench)}:1` });
    assert.equal(run.result, 'Succeeded', run.log);
  });
  after(() => shop.close());

  beforeEach(() => shop.reset());
  afterEach(() => shop.assertKnownCalls());

  /** Looks whether the image that is deployed is so, with debug lines on, as somebody does who looks for secrets in the log. */
  async function resolve(
    inputs: Readonly<Record<string, string>> = {},
    {
      cluster = azure.connection('federated'),
      node = '24',
    }: { readonly cluster?: Connection; readonly node?: NodeVersion } = {},
  ): Promise<TaskProcessResult> {
    const run = await runTaskProcess({
      task: 'ResolveLatestImage',
      node,
      inputs: {
        repository: repositoryOf(bench),
        newestBy: 'tag',
        tag: '1',
        namespace: bench.namespace,
        workload: 'app',
        connectionType: 'azureResourceManager',
        clusterSubscription: 'models',
        resourceGroup: 'shop',
        cluster: 'shop-aks',
        ...inputs,
      },
      connections: [cluster, azure.runConnection()],
      variables: shop.variables,
    });
    shop.assertDiscreet(run.log);
    return run;
  }

  for (const node of ['24', '20'] as const) {
    it(`signs in to Entra by workload identity federation on Node ${node}, and needs no more than to read`, async () => {
      const tokens = aks.tokens.size;
      assert.equal(changedBy(await resolve({}, { node })), 'false');
      assert.equal(changedBy(await resolve({ tag: '2' }, { node })), 'true');
      assert.equal(changedBy(await resolve({ workload: 'not-yet' }, { node })), 'true');
      assert.ok(aks.tokens.size > tokens, 'the cluster was asked by a token of Entra');
    });
  }

  it('takes the lines that RolloutToAKS takes, with either name for the connection', async () => {
    for (const name of ['azureSubscription', 'clusterSubscription']) {
      const cluster = {
        connectionType: 'azureResourceManager',
        [name]: 'models',
        kubernetesConnection: '',
        resourceGroup: 'shop',
        cluster: 'shop-aks',
      };
      assert.equal(changedBy(await resolve({ clusterSubscription: '', ...cluster })), 'false');
      const released = await bench.rollOut('apiVersion: v1\nkind: Secret\nmetadata: {name: none}\n', {
        inputs: { ...cluster, dryRun: 'true' },
        cluster: azure.connection('federated'),
        connections: [azure.runConnection()],
        variables: { ...azure.environment, NODE_EXTRA_CA_CERTS: azure.standIn.caFile },
      });
      // It has got in; that it may only read there is another matter.
      assert.match(errorOf(released), /^CLUSTER_FORBIDDEN: /);
    }
  });

  it('finds a cluster of another subscription by its resource id', async () => {
    const usual = azure.connection('federated');
    const cluster = { ...usual, data: { ...usual.data, subscriptionid: 'none' } };
    assert.equal(
      changedBy(await resolve({ resourceGroup: '', cluster: clusterId(aks.description) }, { cluster })),
      'false',
    );
  });

  it('uses the credentials that Azure gives out where the cluster knows no Entra', async () => {
    shop.clusterIs({ entra: false });
    const tokens = aks.tokens.size;
    assert.equal(changedBy(await resolve()), 'false');
    assert.equal(aks.tokens.size, tokens);
  });

  it('works as the local administrator only when told to, with the role for it', async () => {
    const inputs = { useClusterAdmin: 'true' };
    assert.match(errorOf(await resolve(inputs)), /^CLUSTER_CREDENTIALS_FORBIDDEN: .* the admin credentials /);
    azure.grantOnCluster(aks.description, 'Azure Kubernetes Service Cluster Admin Role');
    assert.equal(changedBy(await resolve(inputs)), 'false');
  });

  it('says which cluster is not there, and which are', async () => {
    const { objectId } = azure.application;
    const scope = `/subscriptions/${aks.description.subscriptionId}`;
    azure.change({ roles: [{ objectId, role: 'Azure Kubernetes Service Cluster User Role', scope }] });
    assert.match(
      errorOf(await resolve({ cluster: 'shop' })),
      /^CLUSTER_NOT_FOUND: There is no cluster shop in the resource group shop .* sees shop-aks \(shop\)\./,
    );
    shop.clusterIs({ isRunning: false });
    assert.match(errorOf(await resolve()), /^CLUSTER_STOPPED: /);
  });

  it('says what Azure does not allow, and what the cluster does not', async () => {
    const { objectId } = azure.application;
    assert.match(
      errorOf(await resolve({ workload: 'statefulset/app' })),
      new RegExp(`^CLUSTER_FORBIDDEN: "${objectId}" may not get statefulsets\\.apps in namespace ${bench.namespace}`),
    );
    shop.clusterIs({ azureRbac: true });
    assert.match(
      errorOf(await resolve({ workload: 'statefulset/app' })),
      /^CLUSTER_FORBIDDEN: .* Give it the role "Azure Kubernetes Service RBAC Reader" /,
    );
    azure.change({ roles: [] });
    assert.match(
      errorOf(await resolve()),
      /^CLUSTER_CREDENTIALS_FORBIDDEN: The application .*"Azure Kubernetes Service Cluster User Role" on \/subscriptions\//,
    );
  });

  it('goes to the public name of a private cluster when told to, and says that it could', async () => {
    shop.clusterIs({ server: 'https://127.0.0.1:9', publicServer: aks.description.server, isPrivate: true });
    assert.match(errorOf(await resolve()), /^CLUSTER_UNREACHABLE: .* set usePublicFqdn\.$/);
    assert.equal(changedBy(await resolve({ usePublicFqdn: 'true' })), 'false');
  });

  it('refuses inputs that do not go together, and asks no cluster where none is named', async () => {
    const byDefault = { connectionType: 'kubernetesServiceConnection' };
    assert.match(errorOf(await resolve(byDefault)), /^INPUT_INVALID: .* Set connectionType to azureResourceManager/);
    assert.match(errorOf(await resolve({ clusterSubscription: '' })), /^INPUT_MISSING: .*azureSubscription/);
    assert.match(errorOf(await resolve({ resourceGroup: '' })), /^INPUT_MISSING: .*resourceGroup/);
    assert.equal(changedBy(await resolve({ ...byDefault, cluster: '', workload: '' })), 'true');
  });
});
