import assert from 'node:assert/strict';
import { globSync, readFileSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerClient } from '@azure/storage-blob';
import type { Connection, NodeVersion, TaskProcessResult } from '../../support/packed-task.ts';
import { runTaskProcess } from '../../support/packed-task.ts';
import { PROXIED_DOMAIN } from '../../../tools/services/azure/certificates.ts';
import { type Scheme, SCHEMES, TestAzure } from '../../support/azure.ts';
import { ConnectProxy } from '../../support/connect-proxy.ts';
import { contentOf, TestFolder } from '../../support/model-folder.ts';

type Values = Readonly<Record<string, string>>;

describe('tasks with an Azure service connection', () => {
  let azure: TestAzure;
  let container: ContainerClient;
  let folder: TestFolder;
  before(async () => {
    azure = await TestAzure.start();
  });
  after(() => azure.standIn.stop());
  beforeEach(async () => {
    azure.reset();
    container = await azure.container();
    folder = new TestFolder();
  });
  afterEach(() => {
    folder.remove();
    assert.deepEqual(azure.standIn.unknownCalls, []);
  });

  /** Runs a task with debug lines on, as somebody does who looks for secrets in the log. */
  const run = async (
    task: string,
    inputs: Values,
    connection: Connection,
    { node = '24', variables = {} }: { readonly node?: NodeVersion; readonly variables?: Values } = {},
  ): Promise<TaskProcessResult> => {
    const result = await runTaskProcess({
      task,
      node,
      inputs: {
        azureSubscription: 'models',
        storageAccount: azure.standIn.account.blobEndpoint,
        container: container.containerName,
        model: 'digits',
        ...inputs,
      },
      connections: [connection, azure.runConnection()],
      variables: {
        ...azure.environment,
        NODE_EXTRA_CA_CERTS: azure.standIn.caFile,
        'System.Debug': 'true',
        'Build.BuildNumber': '7',
        ...variables,
      },
    });
    assertNoSecret(result.log);
    return result;
  };
  const assertNoSecret = (log: string): void => {
    // What the agent hid was printed: another agent might not know it.
    assert.ok(!log.includes('***'), log);
    for (const secret of azure.secrets.flatMap((each) => each.split('\n')).filter((line) => line.length > 8)) {
      if (secret.startsWith('-----')) continue;
      const spellings = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, '')];
      for (const spelling of spellings) assert.ok(!log.includes(spelling), `${spelling} in\n${log}`);
    }
  };
  const publish = (connection: Connection, inputs: Values = {}, options = {}): Promise<TaskProcessResult> =>
    run('PublishModel', { source: folder.write('m', { 'model.pkl': 'weights' }), ...inputs }, connection, options);
  const fetch = (connection: Connection, inputs: Values = {}, options = {}): Promise<TaskProcessResult> =>
    run('FetchLatestModel', { destination: folder.at('out'), ...inputs }, connection, options);
  const onlyError = ({ result, issues }: TaskProcessResult): string => {
    assert.equal(result, 'Failed');
    assert.equal(issues.length, 1, JSON.stringify(issues));
    return issues[0]?.message ?? '';
  };

  for (const node of ['24', '20'] as const) {
    for (const scheme of SCHEMES) {
      it(`publish and fetch by the scheme ${scheme} on Node ${node}`, async () => {
        azure.grant('Storage Blob Data Contributor', container.containerName);
        const connection = azure.connection(scheme);
        const published = await publish(connection, {}, { node });
        assert.equal(published.result, 'Succeeded', published.log);
        const fetched = await fetch(connection, {}, { node });
        assert.equal(fetched.result, 'Succeeded', fetched.log);
        assert.equal(fetched.outputs.modelDigest, published.outputs.modelDigest);
        assert.deepEqual(contentOf(folder.at('out')), { 'model.pkl': 'weights' });
      });
    }
  }

  it('need no more than the role Storage Blob Data Reader to fetch, and no key', async () => {
    azure.grant('Storage Blob Data Contributor', container.containerName);
    await publish(azure.connection('secret'));
    azure.change({ roles: [], storageAccounts: [{ ...azure.standIn.account, allowsKeys: false }] });
    azure.grant('Storage Blob Data Reader', container.containerName);
    const calls = azure.standIn.calls.length;
    assert.equal((await fetch(azure.connection('federated'))).result, 'Succeeded');
    assert.ok(!azure.standIn.calls.slice(calls).some((call) => call.includes('/subscriptions/')));
  });

  it('ask for the account key where they are told to', async () => {
    azure.grant('Reader and Data Access');
    const byKey = { storageAuth: 'accountKey', storageAccount: azure.standIn.account.name };
    const published = await publish(azure.connection('federated'), byKey);
    assert.equal(published.result, 'Succeeded', published.log);
    assert.equal((await fetch(azure.connection('federated'), byKey)).result, 'Succeeded');
  });

  it("trust the agent's own authorities, and tell what they do not trust", async () => {
    azure.grant('Storage Blob Data Contributor', container.containerName);
    const untrusting = { NODE_EXTRA_CA_CERTS: '' };
    const trusting = { ...untrusting, 'Agent.CAInfo': azure.standIn.caFile };
    const published = await publish(azure.connection('federated'), {}, { variables: trusting });
    assert.equal(published.result, 'Succeeded', published.log);
    assert.match(
      onlyError(await fetch(azure.connection('federated'), {}, { variables: untrusting })),
      /^AZURE_UNREACHABLE: .* could not be reached: .* trusts its certificate\.$/,
    );
  });

  it("go through the agent's proxy to Entra, to Azure Resource Manager and to the blobs", async () => {
    azure.grant('Reader and Data Access');
    azure.grant('Storage Blob Data Contributor', container.containerName);
    const proxy = await ConnectProxy.start({ username: 'agent', password: 'p@ss/word' });
    const { port } = new URL(azure.standIn.origin);
    const blobs = new URL(azure.standIn.account.blobEndpoint);
    const [login, management] = ['login', 'management'].map((name) => `https://${name}.${PROXIED_DOMAIN}:${port}`);
    const usual = azure.connection('federated');
    const connection = {
      ...usual,
      url: management ?? '',
      data: { ...usual.data, activeDirectoryAuthority: login ?? '' },
    };
    const variables = {
      'Agent.ProxyUrl': proxy.origin,
      'Agent.ProxyUsername': 'agent',
      'Agent.ProxyPassword': 'p@ss/word',
      'Agent.ProxyBypassList': '[]',
    };
    const targets = (): readonly string[] => [...new Set(proxy.targets)].sort();
    try {
      const storageAccount = `https://models.${PROXIED_DOMAIN}:${blobs.port}${blobs.pathname}`;
      const published = await publish(connection, { storageAccount }, { variables });
      assert.equal(published.result, 'Succeeded', published.log);
      assert.deepEqual(targets(), [`login.${PROXIED_DOMAIN}:${port}`, `models.${PROXIED_DOMAIN}:${blobs.port}`]);
      const byKey = { storageAuth: 'accountKey', storageAccount: azure.standIn.account.name };
      assert.equal((await fetch(connection, byKey, { variables })).result, 'Succeeded');
      assert.ok(targets().includes(`management.${PROXIED_DOMAIN}:${port}`));
    } finally {
      await proxy.stop();
    }
  });

  it('leave no certificate on the disk', async () => {
    azure.grant('Storage Blob Data Contributor', container.containerName);
    const temp = folder.at('temp');
    folder.write('temp', { keep: '' });
    const variables = { TMPDIR: temp, 'Agent.TempDirectory': temp };
    const published = await publish(azure.connection('certificate'), {}, { variables });
    assert.equal(published.result, 'Succeeded', published.log);
    const line = azure.certificate.key.split('\n')[1] ?? assert.fail();
    const files = globSync('**/*', { cwd: temp }).map((name) => join(temp, name));
    const holding = files.filter((file) => statSync(file).isFile() && readFileSync(file, 'utf8').includes(line));
    assert.deepEqual(holding, []);
  });

  it('end with one error that says what is missing', async () => {
    const by = (scheme: Scheme, parameters: Values = {}): Connection => azure.connection(scheme, parameters);
    const noSuch = '11111111-2222-3333-4444-555555555555';
    const byKey = { storageAuth: 'accountKey', storageAccount: azure.standIn.account.name };
    const cases: readonly (readonly [RegExp, () => Promise<TaskProcessResult>])[] = [
      [
        /^AZURE_SECRET_REFUSED: .*AADSTS7000215.*workload identity federation/,
        () => fetch(by('secret', { serviceprincipalkey: 'wrong-secret' })),
      ],
      [/^AZURE_IDENTITY_NOT_FOUND: .*AADSTS90002/, () => fetch(by('secret', { tenantid: noSuch }))],
      [
        /^STORE_FORBIDDEN: .*may not be read by the application .*"Storage Blob Data Reader"/,
        () => fetch(by('federated')),
      ],
      [/^STORAGE_ACCOUNT_NOT_FOUND: .*"Reader and Data Access"/, () => fetch(by('federated'), byKey)],
      [
        /^MANAGED_IDENTITY_MISSING: .*127\.0\.0\.1:9 could not be reached \(ECONNREFUSED\)/,
        () => fetch(by('managed'), {}, { variables: { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:9' } }),
      ],
      [/^INPUT_MISSING: The input azureSubscription/, () => fetch(by('secret'), { azureSubscription: '' })],
      [/^CONNECTION_INVALID: /, () => fetch(by('secret', { serviceprincipalkey: '' }))],
    ];
    for (const [expected, running] of cases) assert.match(onlyError(await running()), expected);
  });

  it('end with one error when Azure itself refuses', async () => {
    const { circumstances, account } = azure.standIn;
    const byKey = { storageAuth: 'accountKey', storageAccount: account.name };
    circumstances.assertionLife = -60;
    assert.match(onlyError(await fetch(azure.connection('federated'))), /^AZURE_ASSERTION_EXPIRED: .*AADSTS700024/);
    circumstances.assertionLife = undefined;
    azure.grant('Reader');
    assert.match(
      onlyError(await fetch(azure.connection('federated'), byKey)),
      /^AZURE_FORBIDDEN: .*AuthorizationFailed/,
    );
    const elsewhere = azure.connection('federated');
    const noSubscription = { ...elsewhere, data: { ...elsewhere.data, subscriptionid: 'none' } };
    assert.match(onlyError(await fetch(noSubscription, byKey)), /^AZURE_SUBSCRIPTION_NOT_FOUND: /);
  });
});
