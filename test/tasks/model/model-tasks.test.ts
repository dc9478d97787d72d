import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { ContainerSASPermissions } from '@azure/storage-blob';
import { type BlobContainer, namesIn, put } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { contentOf, noise, TestFolder } from '../../support/model-folder.ts';
import { type NodeVersion, runTaskProcess, type TaskProcessResult } from '../../support/packed-task.ts';

type Values = Readonly<Record<string, string>>;

const SECRET_NAMES = ['connectionString', 'accountKey', 'sas'];

describe('PublishModel and FetchLatestModel', () => {
  let container: BlobContainer;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, folder } = fresh));

  const byConnectionString = (): Values => ({
    storageAuth: 'connectionString',
    connectionString: container.service.connectionString,
    container: container.name,
  });
  const account = (): Values => ({ storageAccount: container.service.endpoint, container: container.name });

  /** Runs a task with its secrets in secret variables, as pipelines have them. */
  const run = (
    task: string,
    inputs: Values,
    options: { readonly node?: NodeVersion; readonly variables?: Values; readonly signal?: AbortSignal } = {},
  ): Promise<TaskProcessResult> => {
    const secrets = Object.entries(inputs).filter(([name]) => SECRET_NAMES.includes(name));
    const variables = Object.fromEntries(
      secrets.map(([name, value]) => [`${name}Secret`, { value, secret: true as const }]),
    );
    return runTaskProcess({ task, inputs, ...options, variables: { ...variables, ...options.variables } });
  };
  const publish = (content: Values, inputs: Values = {}): Promise<TaskProcessResult> =>
    run('PublishModel', { ...byConnectionString(), model: 'digits', source: folder.write('m', content), ...inputs });
  const fetch = (inputs: Values = {}, node: NodeVersion = '24'): Promise<TaskProcessResult> =>
    run(
      'FetchLatestModel',
      { ...byConnectionString(), model: 'digits', destination: folder.at('out/model'), ...inputs },
      { node },
    );
  const onlyError = ({ result, issues, outputs }: TaskProcessResult): string => {
    assert.equal(result, 'Failed');
    assert.deepEqual(outputs, {});
    assert.equal(issues.length, 1, JSON.stringify(issues));
    return issues[0]?.message ?? '';
  };

  for (const node of ['24', '20'] as const) {
    it(`carry a model through the store on Node ${node}`, async () => {
      const source = folder.write('m', { 'model.pkl': 'weights', 'meta/labels.txt': '0 1' });
      const published = await run(
        'PublishModel',
        { ...byConnectionString(), model: 'digits', source, properties: 'accuracy=0.97' },
        { node, variables: { 'Build.BuildNumber': '20261124.3', 'Build.SourceVersion': 'abc123' } },
      );
      assert.equal(published.result, 'Succeeded', published.log);
      const { modelVersion, modelDigest, modelSize, fileCount, result } = published.outputs;
      assert.deepEqual([modelVersion, modelSize, fileCount, result], ['20261124.3', '10', '2', 'published']);

      const fetched = await fetch({}, node);
      assert.equal(fetched.result, 'Succeeded', fetched.log);
      assert.deepEqual(fetched.outputs, {
        modelPath: folder.at('out/model'),
        modelName: 'digits',
        modelVersion: '20261124.3',
        modelDigest,
        modelUri: published.outputs.modelUri,
        modelSize: '10',
        fileCount: '2',
        modelChanged: 'true',
        modelProperties: '{"accuracy":"0.97"}',
        result: 'fetched',
      });
      assert.deepEqual(contentOf(folder.at('out/model')), { 'model.pkl': 'weights', 'meta/labels.txt': '0 1' });
      assert.match(fetched.summary ?? '', /accuracy.*0\.97/);
      assert.match(fetched.summary ?? '', /abc123/);
      assert.deepEqual(
        fetched.attachments.map(({ type }) => type),
        ['model-delivery.FetchLatestModel'],
      );
      assert.equal((await fetch({}, node)).outputs.result, 'unchanged');
    });
  }

  it('sign in with an account key, a SAS or nothing at all', async () => {
    const sas = await container.client.generateSasUrl({
      permissions: ContainerSASPermissions.parse('rlcwd'),
      expiresOn: new Date(Date.now() + 3_600_000),
    });
    const bySas = { ...account(), storageAuth: 'sas', sas, connectionString: '' };
    const byKey = {
      ...account(),
      storageAuth: 'accountKey',
      accountKey: container.service.accountKey,
      connectionString: '',
    };
    const published = await publish({ 'model.pkl': 'x' }, bySas);
    assert.equal(published.result, 'Succeeded', published.log);
    for (const auth of [bySas, byKey]) assert.equal((await fetch(auth)).result, 'Succeeded');
    await container.client.setAccessPolicy('container');
    const anonymously = await fetch({ ...account(), storageAuth: 'anonymous', connectionString: '' });
    assert.equal(anonymously.result, 'Succeeded', anonymously.log);
  });

  it('never show a secret, in whatever spelling', async () => {
    const sas = await container.client.generateSasUrl({
      permissions: ContainerSASPermissions.parse('rl'),
      expiresOn: new Date(Date.now() + 3_600_000),
    });
    const signature = new URL(sas).searchParams.get('sig') ?? assert.fail();
    const key = container.service.accountKey;
    const inputs = {
      ...account(),
      connectionString: '',
      model: 'digits',
      destination: folder.at('out'),
      layout: 'plain',
      blobs: 'nothing',
    };
    const logs = await Promise.all(
      [
        { ...inputs, ...byConnectionString() },
        { ...inputs, storageAuth: 'accountKey', accountKey: key },
        { ...inputs, storageAuth: 'sas', sas },
      ].map((each) => run('FetchLatestModel', each, { variables: { 'System.Debug': 'true' } })),
    );
    for (const { log, result } of logs) {
      assert.equal(result, 'Failed');
      for (const secret of [key, encodeURIComponent(key), signature, encodeURIComponent(signature)]) {
        assert.ok(!log.includes(secret), `${secret} in\n${log}`);
      }
    }
  });

  it('publish and fetch a placeholder of 0 bytes where that is allowed', async () => {
    const published = await publish({ 'model.pkl': '' }, { version: '1', allowEmpty: 'true' });
    assert.equal(published.result, 'Succeeded', published.log);
    const fetched = await fetch();
    assert.equal(fetched.result, 'Succeeded', fetched.log);
    assert.deepEqual(contentOf(folder.at('out/model')), { 'model.pkl': '' });
    assert.deepEqual([fetched.outputs.modelSize, fetched.outputs.modelVersion], ['0', '1']);
    assert.equal((await fetch()).outputs.result, 'unchanged');
  });

  it('fetch from any container, the newest or all', async () => {
    await put(container, 'prod/model-1.pkl', 'old');
    await new Promise((resolve) => setTimeout(resolve, 1100));
    await put(container, 'prod/model-2.pkl', 'new');
    const newest = await fetch({ layout: 'plain', blobs: 'prod/*.pkl', model: '' });
    assert.equal(newest.result, 'Succeeded', newest.log);
    assert.deepEqual(contentOf(folder.at('out/model')), { 'model-2.pkl': 'new' });
    assert.equal(newest.outputs.modelName, container.name);
    await fetch({ layout: 'plain', blobs: 'prod/*.pkl', select: 'all' });
    assert.deepEqual(Object.keys(contentOf(folder.at('out/model'))), ['model-1.pkl', 'model-2.pkl']);
  });

  it('end with one error that names the thing and the remedy', async () => {
    await publish({ 'model.pkl': 'x' }, { version: '1' });
    const cases: readonly (readonly [RegExp, Promise<TaskProcessResult>])[] = [
      [/^MODEL_NOT_FOUND: There is no model digit .*There are: digits\.$/, fetch({ model: 'digit' })],
      [/^VERSION_NOT_FOUND: .*no version 9\. It has: 1\.$/, fetch({ version: '9' })],
      [/^CHANNEL_NOT_FOUND: .*no channel prod\. It has: latest\.$/, fetch({ channel: 'prod' })],
      [/^CONTAINER_NOT_FOUND: .*container nowhere/, fetch({ container: 'nowhere' })],
      [/^STORE_ADDRESS_INVALID: /, fetch({ container: 'No/Where' })],
      [/^BLOB_NOT_FOUND: .*"\*\.onnx"/, fetch({ layout: 'plain', blobs: '*.onnx' })],
      [/^INPUT_MISSING: The input blobs/, fetch({ layout: 'plain', blobs: ' ' })],
      [/^INPUT_MISSING: The input model/, fetch({ model: '' })],
      [/^INPUT_INVALID: .*modelStorage/, fetch({ connectionString: '$(modelStorage)' })],
      [/^CONNECTION_STRING_INVALID: /, fetch({ connectionString: 'nonsense' })],
      [/^VERSION_EXISTS: .*versions\/1 was published before/, publish({ 'model.pkl': 'y' }, { version: '1' })],
      [
        /^MODEL_EMPTY: /,
        run('PublishModel', { ...byConnectionString(), model: 'digits', source: folder.write('e', { a: '' }) }),
      ],
      [
        /^SOURCE_NOT_FOUND: /,
        run('PublishModel', { ...byConnectionString(), model: 'digits', source: folder.at('none') }),
      ],
      [/^NAME_INVALID: /, run('PublishModel', { ...byConnectionString(), model: '../x', source: folder.at('e') })],
    ];
    for (const [expected, running] of cases) assert.match(onlyError(await running), expected);
    assert.deepEqual(contentOf(folder.at('out')), {});
  });

  it('cancelled in the middle leave no folder and no version', async () => {
    const big = folder.write('big', { 'a.bin': noise(60_000_000), 'b.bin': noise(60_000_000, 2) });
    assert.equal((await publish({}, { source: big, version: '1' })).result, 'Succeeded');
    const before = await namesIn(container);
    const slow = await FaultProxy.start(container.service.endpoint);
    const connectionString = container.service.connectionString.replace(
      container.service.endpoint,
      `${slow.origin}/devstoreaccount1`,
    );

    const cancelled = async (task: string, inputs: Values): Promise<TaskProcessResult> => {
      const stop = new AbortController();
      // Bytes flow and then stall, so the cancellation always comes in the middle.
      let [carried, stopped] = [0, 0];
      slow.plan = ({ head }) => {
        if (!/^(?:GET|PUT) [^ ]*\.bin/.test(head)) return undefined;
        if (carried++ === 0) setTimeout(() => stop.abort((stopped = Date.now())), 500);
        return { stallAfter: head.startsWith('GET') ? 1_000_000 : 0 };
      };
      const result = await run(
        task,
        { ...byConnectionString(), connectionString, model: 'digits', ...inputs },
        { signal: stop.signal },
      );
      // The agent asks twice and kills after about 10 seconds.
      assert.ok(Date.now() - stopped < 5_000, `${Date.now() - stopped} ms`);
      assert.match(result.log, /CANCELLED/);
      return result;
    };
    await cancelled('FetchLatestModel', { destination: folder.at('out/model') });
    assert.deepEqual(readdirSync(folder.at('out')), []);
    slow.cutAll();
    await cancelled('PublishModel', { source: big, version: '2' });
    await slow.stop();
    assert.deepEqual(await namesIn(container), before);
    assert.equal((await fetch()).outputs.modelVersion, '1');
  });
});
