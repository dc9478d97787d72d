import assert from 'node:assert/strict';
import { type ClusterSearch, openCluster, type OpenedCluster } from '../../../lib/azure/managed-cluster.ts';
import { AzureSession } from '../../../lib/azure/session.ts';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { readKubeconfig } from '../../../lib/kube/kubeconfig.ts';
import { type Directory, localAccount, type ManagedCluster } from '../../../tools/services/azure/directory.ts';
import { TestAzure } from '../../support/azure.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nMIIB\n-----END CERTIFICATE-----\n';
const ROLE = 'Azure Kubernetes Service Cluster User Role';
const TOKENS = { application: '6dae42f8-4368-4678-94ff-3960e28e3630', tokens: () => Promise.resolve('token') };

/** A cluster whose API server nobody asks here. */
function cluster({ subscriptionId, tenantId }: Directory, part: Partial<ManagedCluster> = {}): ManagedCluster {
  const account = localAccount({ certificate: PEM, key: PEM });
  return {
    name: 'shop-aks',
    resourceGroup: 'shop',
    subscriptionId,
    tenantId,
    authority: PEM,
    server: 'https://shop.example.com',
    publicServer: undefined,
    user: account,
    admin: account,
    entra: true,
    azureRbac: false,
    localAccounts: true,
    isRunning: true,
    isPrivate: false,
    authorizedIpRanges: [],
    ...part,
  };
}

describe("a cluster's credentials, by the service connection", () => {
  let azure: TestAzure;
  before(async () => {
    azure = await TestAzure.start();
  });
  after(() => azure.standIn.stop());
  beforeEach(() => {
    azure.reset();
    clusterIs({});
    azure.grantOnCluster(cluster(azure.standIn.circumstances.directory), ROLE);
  });
  afterEach(() => assert.deepEqual(azure.standIn.unknownCalls, []));

  function clusterIs(part: Partial<ManagedCluster>): void {
    azure.change({ managedClusters: [cluster(azure.standIn.circumstances.directory, part)] });
  }
  async function open(part: Partial<ClusterSearch> = {}): Promise<OpenedCluster> {
    const { resources, identity } = new AzureSession(azure.readConnection('secret'), {
      dispatcher: createDispatcher({ caFile: azure.standIn.caFile }),
      signal: AbortSignal.timeout(60_000),
      onToken: () => undefined,
    });
    const { subscriptionId } = azure.standIn.circumstances.directory;
    return openCluster(resources, {
      subscriptionId,
      resourceGroup: 'shop',
      cluster: 'shop-aks',
      identity,
      asAdmin: false,
      byPublicFqdn: false,
      ...part,
    });
  }

  it('are those of Entra where the cluster knows Entra, else those of a local account', async () => {
    const entra = readKubeconfig((await open()).kubeconfig, { entra: TOKENS });
    assert.equal(await entra.credential.tokens?.(), 'token');
    assert.equal(entra.server, 'https://shop.example.com');
    assert.equal(entra.ca, PEM);
    clusterIs({ entra: false });
    const { credential } = readKubeconfig((await open()).kubeconfig);
    assert.ok(credential.token !== undefined && credential.certificate !== undefined);
  });

  it('lead to the public name of a private cluster when asked to', async () => {
    clusterIs({ isPrivate: true, publicServer: 'https://public.example.com' });
    const { kubeconfig } = await open({ byPublicFqdn: true });
    assert.equal(readKubeconfig(kubeconfig, { entra: TOKENS }).server, 'https://public.example.com');
    clusterIs({ isPrivate: true });
    await assert.rejects(open({ byPublicFqdn: true }), { code: 'AZURE_FAILED', message: /public FQDN/ });
  });

  it('come with what is known of how the cluster is reached', async () => {
    assert.equal((await open()).surroundings, undefined);
    clusterIs({ authorizedIpRanges: ['20.1.2.3/32', '20.1.3.0/24'] });
    assert.match((await open()).surroundings ?? '', /only the addresses 20\.1\.2\.3\/32, 20\.1\.3\.0\/24/);
    clusterIs({ isPrivate: true, publicServer: 'https://public.example.com' });
    assert.match((await open()).surroundings ?? '', /private cluster.*usePublicFqdn/);
    assert.doesNotMatch((await open({ byPublicFqdn: true })).surroundings ?? '', /usePublicFqdn/);
  });

  it('do not hang upon seeing the cluster itself', async () => {
    azure.standIn.circumstances.interrupt = ({ method, url }) =>
      method === 'GET' && url.pathname.endsWith('/shop-aks')
        ? { status: 403, body: { error: { code: 'AuthorizationFailed', message: 'no' } } }
        : undefined;
    assert.equal((await open()).surroundings, undefined);
  });

  it('are of a cluster that is there, and of no path that a name makes up', async () => {
    await assert.rejects(open({ cluster: '../shop-aks' }), { code: 'CLUSTER_CREDENTIALS_FORBIDDEN' });
    await assert.rejects(open({ resourceGroup: 'shop?x=/', cluster: 'a b' }), {
      code: 'CLUSTER_CREDENTIALS_FORBIDDEN',
    });
  });

  it('may not be there yet', async () => {
    azure.standIn.circumstances.interrupt = ({ url }) =>
      url.pathname.endsWith('listClusterUserCredential') ? { status: 200, body: { kubeconfigs: [] } } : undefined;
    await assert.rejects(open(), { code: 'AZURE_FAILED', message: /no credentials for the cluster shop-aks/ });
  });

  it('are asked for again while Azure is busy', async () => {
    let left = 2;
    azure.standIn.circumstances.interrupt = ({ url }) =>
      url.pathname.endsWith('listClusterUserCredential') && left-- > 0
        ? { status: 429, headers: { 'retry-after': '0' }, body: { error: { code: 'TooManyRequests' } } }
        : undefined;
    assert.match((await open()).kubeconfig, /kubelogin/);
  });

  it('list no more than ten of the clusters that there are when one is missing', async () => {
    const { directory } = azure.standIn.circumstances;
    const names = Array.from({ length: 12 }, (_, index) => `aks-${index}`);
    azure.change({ managedClusters: names.map((name) => cluster(directory, { name })) });
    azure.change({
      roles: [
        { objectId: azure.application.objectId, role: ROLE, scope: `/subscriptions/${directory.subscriptionId}` },
      ],
    });
    await assert.rejects(open(), { code: 'CLUSTER_NOT_FOUND', message: /sees aks-0 \(shop\), .*aks-9 \(shop\)\.$/ });
  });
});
