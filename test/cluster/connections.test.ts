import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { readKubeconfig } from '../../lib/kube/kubeconfig.ts';
import { makeAuthority, PROXIED_DOMAIN } from '../../tools/services/azure/certificates.ts';
import type { AksCluster } from '../../tools/services/azure/cluster-front.ts';
import { clusterId } from '../../tools/services/azure/directory.ts';
import { AksBench } from '../support/aks-bench.ts';
import { SCHEMES, type TestAzure } from '../support/azure.ts';
import { ConnectProxy } from '../support/connect-proxy.ts';
import { assertNotShown } from '../support/not-shown.ts';
import { type Connection, errorOf, succeeded, type TaskProcessResult } from '../support/packed-task.ts';
import { kubeconfigConnection, RolloutBench, type RolloutParts } from '../support/rollout-bench.ts';

const SETTINGS = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: settings}\ndata: {greeting: hello}\n';
/** Never becomes ready, so that there is something to wait for. */
const NEVER_READY = `---
apiVersion: apps/v1
kind: Deployment
metadata: {name: never}
spec:
  selector: {matchLabels: {app: never}}
  template:
    metadata: {labels: {app: never}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: app
          image: app
          command: [sh, -c, sleep 1000]
          readinessProbe: {exec: {command: ['false']}, periodSeconds: 1}
`;
/** Fails after some seconds, and then there is something to look at and to put back. */
function failing(name: string, seconds: number): string {
  return `apiVersion: batch/v1
kind: Job
metadata: {name: ${name}}
spec:
  backoffLimit: 0
  template:
    spec:
      restartPolicy: Never
      containers: [{name: app, image: app, command: [sh, -c, sleep ${seconds}; echo too long; exit 1]}]
`;
}
const BY_AZURE = { connectionType: 'azureResourceManager', azureSubscription: 'models', kubernetesConnection: '' };
const SHOP = { ...BY_AZURE, resourceGroup: 'shop', cluster: 'shop-aks' };

describe('a rollout to an AKS cluster by an Azure connection', () => {
  let shop: AksBench;
  let bench: RolloutBench;
  let azure: TestAzure;
  let aks: AksCluster;

  before(async function () {
    this.timeout('30m');
    shop = await AksBench.open();
    ({ bench, azure, aks } = shop);
    const { objectId } = azure.application;
    await bench.allow('releaser', await bench.documentedRules(), { kind: 'User', name: objectId });
  });

  after(() => shop.close());

  beforeEach(() => shop.reset());

  afterEach(() => shop.assertKnownCalls());

  /** Rolls out with debug lines on, as somebody does who looks for secrets in the log. */
  async function rollOut(
    manifest: string,
    { inputs = {}, cluster = azure.connection('federated'), variables = {}, ...parts }: RolloutParts = {},
  ): Promise<TaskProcessResult> {
    const run = await bench.rollOut(manifest, {
      ...parts,
      inputs: { ...SHOP, ...inputs },
      cluster,
      connections: [azure.runConnection()],
      variables: { ...shop.variables, ...variables },
    });
    shop.assertDiscreet(run.log);
    return run;
  }

  for (const scheme of SCHEMES) {
    it(`signs in to Entra by the scheme ${scheme}, and may do what the documented Role says`, async () => {
      const run = await rollOut(SETTINGS, { cluster: azure.connection(scheme) });
      assert.equal(succeeded(run).outputs.result, scheme === 'federated' ? 'deployed' : 'unchanged');
    });
  }

  it('works on Node 20 as well, whatever case the names are written in', async () => {
    succeeded(await rollOut(SETTINGS, { node: '20', inputs: { resourceGroup: 'SHOP', cluster: 'Shop-AKS' } }));
  });

  it('waits longer than its tokens live, and goes on with a new one that it has got in time', async () => {
    azure.standIn.circumstances.tokenLife = 5;
    const [tokens, refusals] = [aks.tokens.size, aks.refusals];
    const run = await rollOut(failing('expired', 9));
    assert.match(errorOf(run), /^JOB_FAILED: .* was removed/);
    assert.match(run.log, /\| too long/);
    assert.ok(aks.tokens.size - tokens >= 2, run.log);
    assert.equal(aks.refusals, refusals);
  });

  it('gets a new token when the cluster does not take the one it has', async () => {
    const refusals = aks.refusals;
    let revoked = false;
    const run = await rollOut(failing('revoked', 1), {
      onLine: (line) => {
        if (revoked || !line.includes('created')) return;
        revoked = true;
        aks.revokeTokens();
      },
    });
    assert.match(errorOf(run), /^JOB_FAILED: .* was removed/);
    assert.ok(aks.refusals > refusals, run.log);
  });

  it('puts everything back when it is cancelled, also where its token has ended by then', async () => {
    const before = await bench.state();
    const cancel = new AbortController();
    const run = await rollOut(SETTINGS.replace('hello', 'changed') + NEVER_READY, {
      signal: cancel.signal,
      onLine: (line) => {
        if (cancel.signal.aborted || !line.includes('0 available')) return;
        aks.revokeTokens();
        cancel.abort();
      },
    });
    assert.equal(run.result, 'Canceled', run.log);
    assert.equal(run.outputs.result, 'restored', run.log);
    assert.deepEqual(await bench.state(), before);
  });

  it('uses the credentials that Azure gives out where the cluster knows no Entra', async () => {
    shop.clusterIs({ entra: false });
    const tokens = aks.tokens.size;
    succeeded(await rollOut(SETTINGS));
    assert.equal(aks.tokens.size, tokens);
  });

  it('works as the local administrator only when told to, with the role for it', async () => {
    const inputs = { useClusterAdmin: 'true' };
    assert.match(
      errorOf(await rollOut(SETTINGS, { inputs })),
      /^CLUSTER_CREDENTIALS_FORBIDDEN: .* the admin credentials .*"Azure Kubernetes Service Cluster Admin Role" on \/subscriptions\//,
    );
    azure.grantOnCluster(aks.description, 'Azure Kubernetes Service Cluster Admin Role');
    const tokens = aks.tokens.size;
    succeeded(await rollOut(SETTINGS, { inputs }));
    assert.equal(aks.tokens.size, tokens);
    shop.clusterIs({ localAccounts: false });
    assert.match(errorOf(await rollOut(SETTINGS, { inputs })), /^CLUSTER_LOCAL_ACCOUNTS_OFF: .*useClusterAdmin/);
  });

  it('says what is not there, and what is', async () => {
    assert.match(
      errorOf(await rollOut(SETTINGS, { inputs: { cluster: 'shop' } })),
      /^CLUSTER_CREDENTIALS_FORBIDDEN: The application .*"Azure Kubernetes Service Cluster User Role"/,
    );
    // Whoever has the role for all of the subscription is told more.
    const { subscriptionId } = aks.description;
    const { objectId } = azure.application;
    const role = 'Azure Kubernetes Service Cluster User Role';
    azure.change({ roles: [{ objectId, role, scope: `/subscriptions/${subscriptionId}` }] });
    assert.match(
      errorOf(await rollOut(SETTINGS, { inputs: { cluster: 'shop' } })),
      /^CLUSTER_NOT_FOUND: There is no cluster shop in the resource group shop .* sees shop-aks \(shop\)\./,
    );
    assert.match(
      errorOf(await rollOut(SETTINGS, { inputs: { resourceGroup: 'MC_shop' } })),
      /^RESOURCE_GROUP_NOT_FOUND: There is no resource group MC_shop .* sees shop-aks \(shop\)\./,
    );
    const elsewhere = azure.connection('secret');
    const cluster = { ...elsewhere, data: { ...elsewhere.data, subscriptionid: 'none' } };
    assert.match(errorOf(await rollOut(SETTINGS, { cluster })), /^AZURE_SUBSCRIPTION_NOT_FOUND: /);
    shop.clusterIs({ isRunning: false });
    assert.match(errorOf(await rollOut(SETTINGS)), /^CLUSTER_STOPPED: .*az aks start --name shop-aks/);
  });

  it('is named by its resource id where the connection is for another subscription, or for none', async () => {
    const usual = azure.connection('federated');
    const inputs = { resourceGroup: '', cluster: clusterId(aks.description) };
    for (const subscriptionid of ['none', '']) {
      const cluster = { ...usual, data: { ...usual.data, subscriptionid } };
      succeeded(await rollOut(SETTINGS, { cluster, inputs }));
    }
    const cluster = { ...usual, data: { ...usual.data, subscriptionid: '' } };
    assert.match(errorOf(await rollOut(SETTINGS, { cluster })), /^CONNECTION_INVALID: .*management group/);
    assert.match(
      errorOf(await rollOut(SETTINGS, { inputs: { resourceGroup: '' } })),
      /^INPUT_MISSING: .*resourceGroup/,
    );
    const unsaid = { connectionType: 'kubernetesServiceConnection' };
    assert.match(
      errorOf(await rollOut(SETTINGS, { inputs: unsaid })),
      /^INPUT_INVALID: .* Set connectionType to azureResourceManager/,
    );
  });

  it('needs more than to see the cluster', async () => {
    azure.change({ roles: [] });
    azure.grantOnCluster(aks.description, 'Reader');
    assert.match(errorOf(await rollOut(SETTINGS)), /^CLUSTER_CREDENTIALS_FORBIDDEN: .*\(AuthorizationFailed\)/);
  });

  it('names verb, resource and namespace of a right that is missing inside, and who lacks it', async () => {
    const { objectId } = azure.application;
    const quota = 'apiVersion: v1\nkind: ResourceQuota\nmetadata: {name: small}\nspec: {hard: {pods: "5"}}\n';
    const missing = `"${objectId}" may not get resourcequotas in namespace ${bench.namespace}\\.`;
    assert.match(errorOf(await rollOut(quota)), new RegExp(`^CLUSTER_FORBIDDEN: ${missing} Give it a Role .* User`));
    shop.clusterIs({ azureRbac: true });
    assert.match(
      errorOf(await rollOut(quota)),
      new RegExp(`^CLUSTER_FORBIDDEN: ${missing} .*RBAC Writer.* namespaces/${bench.namespace}`),
    );
  });

  it('says so when the cluster is of another tenant', async () => {
    shop.clusterIs({ tenantId: 'c0ffee00-0000-4000-8000-000000000000' });
    assert.match(errorOf(await rollOut(SETTINGS)), /^CLUSTER_UNAUTHORIZED: .*token of Microsoft Entra .*tenant/);
  });

  it('reaches a private cluster through the proxy of the agent, and says so where it cannot', async () => {
    const { port } = new URL(aks.description.server);
    const server = `https://shop-aks.${PROXIED_DOMAIN}:${port}`;
    const publicServer = `https://shop-aks-public.${PROXIED_DOMAIN}:${port}`;
    shop.clusterIs({ server, isPrivate: true });
    assert.match(
      errorOf(await rollOut(SETTINGS)),
      /^CLUSTER_UNREACHABLE: .* It is a private cluster, .* peered with it\.$/,
    );
    shop.clusterIs({ server, publicServer, isPrivate: true });
    assert.match(errorOf(await rollOut(SETTINGS)), /^CLUSTER_UNREACHABLE: .* set usePublicFqdn\.$/);
    const proxy = await ConnectProxy.start({ username: 'agent', password: 'p@ss/word' });
    const variables = {
      'Agent.ProxyUrl': proxy.origin,
      'Agent.ProxyUsername': 'agent',
      'Agent.ProxyPassword': 'p@ss/word',
      'Agent.ProxyBypassList': '[]',
    };
    try {
      succeeded(await rollOut(SETTINGS, { variables }));
      succeeded(await rollOut(SETTINGS, { variables, inputs: { usePublicFqdn: 'true' } }));
      const names = [server, publicServer].map((url) => new URL(url).host);
      assert.deepEqual([...new Set(proxy.targets)].sort(), names.sort());
      const wrong = { ...variables, 'Agent.ProxyPassword': 'wrong' };
      assert.match(
        errorOf(await rollOut(SETTINGS, { variables: wrong })),
        /^CLUSTER_UNREACHABLE: .* \(the proxy answered 407\)\. Check user name and password of the proxy/,
      );
    } finally {
      await proxy.stop();
    }
  });

  it('lists the addresses that the cluster lets in where it does not answer', async () => {
    shop.clusterIs({ server: 'https://127.0.0.1:9', authorizedIpRanges: ['20.1.2.3/32'] });
    assert.match(
      errorOf(await rollOut(SETTINGS)),
      /^CLUSTER_UNREACHABLE: .* It lets in only the addresses 20\.1\.2\.3\/32:/,
    );
  });

  it("trusts the cluster's own authority and those that the agent was set up with, and nothing else", async () => {
    const folder = await mkdtemp(join(tmpdir(), 'authorities-'));
    const agentFile = join(folder, 'agent.pem');
    try {
      const other = await makeAuthority('other');
      shop.clusterIs({ authority: other.certificate });
      assert.match(errorOf(await rollOut(SETTINGS)), /^CERTIFICATE_UNTRUSTED: /);
      // As where a proxy looks into TLS.
      await writeFile(agentFile, `${aks.description.authority}\n${await readFile(azure.standIn.caFile, 'utf8')}`);
      succeeded(await rollOut(SETTINGS, { variables: { 'Agent.CAInfo': agentFile, NODE_EXTRA_CA_CERTS: '' } }));
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  });
});

describe('a rollout by a Kubernetes connection', () => {
  let bench: RolloutBench;
  let token: string;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    token = await bench.serviceAccount('releaser', await bench.documentedRules());
  });

  after(() => bench.close());

  const base64 = (text: string): string => Buffer.from(text).toString('base64');
  /** A connection as Azure DevOps makes it from the Secret of a service account. */
  function serviceAccount(data: Readonly<Record<string, string>>, certificate?: string): Connection {
    const { server, ca = '' } = readKubeconfig(bench.kubeconfig);
    return {
      name: 'cluster',
      type: 'kubernetes',
      url: server,
      authorization: {
        scheme: 'Token',
        parameters: { apiToken: base64(token), serviceAccountCertificate: base64(certificate ?? ca) },
      },
      data: { authorizationType: 'ServiceAccount', acceptUntrustedCerts: 'false', ...data },
    };
  }
  async function rollOut(
    connection: Connection,
    inputs: Readonly<Record<string, string>> = {},
  ): Promise<TaskProcessResult> {
    const run = await bench.rollOut(SETTINGS, {
      inputs,
      cluster: connection,
      variables: { 'System.Debug': 'true' },
    });
    assertNotShown(run.log, [token, readKubeconfig(bench.kubeconfig).credential.token ?? '']);
    return run;
  }

  it('with a service account may do what the documented Role says', async () => {
    succeeded(await rollOut(serviceAccount({})));
  });

  it('that Azure DevOps made for a namespace goes there', async () => {
    const data = { authorizationType: 'AzureSubscription', namespace: bench.namespace };
    succeeded(await rollOut(serviceAccount(data), { namespace: '' }));
    assert.match(
      errorOf(await rollOut(serviceAccount({}), { namespace: '' })),
      /^CLUSTER_FORBIDDEN: .* may not get, .* in namespace default\./,
    );
  });

  it('holds the certificate against the one of the connection, unless told to accept any', async () => {
    const { certificate } = await makeAuthority('other');
    assert.match(errorOf(await rollOut(serviceAccount({}, certificate))), /^CERTIFICATE_UNTRUSTED: /);
    succeeded(await rollOut(serviceAccount({ acceptUntrustedCerts: 'true' }, certificate)));
    assert.match(errorOf(await rollOut(serviceAccount({}, 'none'))), /^CONNECTION_INVALID: .* is no certificate/);
  });

  it('with a kubeconfig uses the context that the connection names', async () => {
    const text = bench.kubeconfig.replace(/current-context: .*/, 'current-context: other');
    const [, context = ''] = /current-context: (.*)/.exec(bench.kubeconfig) ?? [];
    succeeded(await rollOut(kubeconfigConnection(text, context)));
    assert.match(errorOf(await rollOut(kubeconfigConnection(text))), /^KUBECONFIG_CONTEXT_NOT_FOUND: .*"other"/);
  });

  it('with a kubeconfig that runs kubelogin says what to set instead', async () => {
    const text = bench.kubeconfig.replace(/token: .*/, 'exec: {command: kubelogin, args: [get-token]}');
    assert.match(
      errorOf(await rollOut(kubeconfigConnection(text))),
      /^KUBECONFIG_UNSUPPORTED: .*kubelogin.* connectionType to azureResourceManager/,
    );
  });
});
