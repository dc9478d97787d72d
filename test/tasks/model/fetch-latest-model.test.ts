import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { type BlobContainer, put } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { type Content, contentOf, noise, TestFolder } from '../../support/model-folder.ts';
import { type NodeVersion, runTaskProcess, succeeded, type TaskProcessResult } from '../../support/packed-task.ts';

type Values = Readonly<Record<string, string>>;

interface How {
  readonly node?: NodeVersion;
  /** What the task runs under, such as `timeout`. */
  readonly wrapper?: readonly string[];
  /** The address by which it reaches the store, instead of the store's own. */
  readonly origin?: string;
}

const MiB = 1024 * 1024;

describe('FetchLatestModel', function () {
  this.timeout(120_000);
  let container: BlobContainer;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, folder } = fresh));

  const run = (task: string, inputs: Values, { origin, ...how }: How = {}): Promise<TaskProcessResult> => {
    const { endpoint, connectionString } = container.service;
    const value = origin === undefined ? connectionString : connectionString.replace(new URL(endpoint).origin, origin);
    return runTaskProcess({
      task,
      inputs: {
        storageAuth: 'connectionString',
        connectionString: value,
        container: container.name,
        model: 'digits',
        ...inputs,
      },
      variables: { storage: { value, secret: true } },
      ...how,
    });
  };
  const publish = async (version: string, content: Content, properties = ''): Promise<string> => {
    const source = folder.write(`source-${version}`, content);
    const { result, log, outputs } = await run('PublishModel', { source, version, properties });
    assert.equal(result, 'Succeeded', log);
    return outputs.modelDigest ?? '';
  };
  const fetch = (inputs: Values = {}, how: How = {}): Promise<TaskProcessResult> =>
    run('FetchLatestModel', { destination: folder.at('out/model'), ...inputs }, how);

  /** Kills the task as soon as it has noted that a mebibyte of a file is here. */
  const killing = (): readonly string[] => [
    ...['sh', '-c'],
    `"$@" & task=$!; for try in $(seq 600); do sleep 0.1; grep -qs '"bytes":[0-9]\\{7\\}' "$0"/.*.fetching-*/journal && break; done; kill -9 $task; wait $task`,
    folder.at('out'),
  ];

  for (const node of ['24', '20'] as const) {
    it(`chooses by range, by digest and by name on Node ${node}`, async () => {
      const digest = await publish('1.9.0', { 'model.pkl': 'one' }, 'accuracy=0.91');
      await publish('1.10.0', { 'model.pkl': 'ten' }, 'accuracy=0.95');
      await publish('2.0.0', { 'model.pkl': 'two' });
      const versions: Values = { '^1': '1.10.0', '~1.9': '1.9.0', '*': '2.0.0', [digest]: '1.9.0', '1.9.0': '1.9.0' };
      for (const [version, found] of Object.entries(versions)) {
        const { outputs } = succeeded(await fetch({ version }, { node }));
        assert.equal(outputs.modelVersion, found, version);
      }
      const { outputs } = succeeded(await fetch({ version: '^1', previousDigest: digest }, { node }));
      assert.deepEqual([outputs.modelChanged, outputs.modelProperties], ['true', '{"accuracy":"0.95"}']);
      const same = succeeded(await fetch({ version: '~1.9', previousDigest: digest.toUpperCase() }, { node }));
      assert.deepEqual([same.outputs.modelChanged, same.outputs.result], ['false', 'fetched']);
      const first = succeeded(await fetch({ version: '~1.9', previousDigest: '$(deployedDigest)' }, { node }));
      assert.deepEqual([first.outputs.modelChanged, first.outputs.result], ['false', 'unchanged']);
    });

    it(`goes on after it was killed, on Node ${node}`, async () => {
      await publish('1', { 'a.bin': noise(40 * MiB), 'b.bin': noise(9 * MiB, 2) });
      // The store stops answering in the middle, so the kill always comes in the middle.
      let transfers = 0;
      const slow = await FaultProxy.start(container.service.endpoint, ({ head }) =>
        /^GET [^ ]*\.bin/.test(head) ? { stallAfter: transfers++ < 2 ? 20 * MiB : MiB } : undefined,
      );
      const killed = await fetch({}, { node, origin: slow.origin, wrapper: killing() });
      await slow.stop();
      assert.notEqual(killed.exitCode, 0);
      assert.deepEqual(contentOf(folder.at('out/model')), {});
      const { log, summary = '', outputs } = succeeded(await fetch({}, { node }));
      assert.match(log, /An earlier fetch was interrupted; \d{7,} bytes are here already/);
      assert.match(summary, /left by an interrupted fetch/);
      assert.equal(outputs.modelSize, String(49 * MiB));
      assert.ok(Buffer.from(contentOf(folder.at('out/model'))['a.bin'] ?? '', 'latin1').equals(noise(40 * MiB)));
      assert.deepEqual(readdirSync(folder.at('out')).sort(), ['.model.model-delivery.json', 'model']);
    });
  }

  it('refuses or warns of a model that is not what is required, before a byte of it is read', async () => {
    await publish('1', { 'model.pkl': 'one' }, 'accuracy=0.87');
    const minimumProperties = 'accuracy >= 0.9\nf1 > 0.5';
    const refused = await fetch({ minimumProperties, maxAgeDays: '1' });
    assert.equal(refused.result, 'Failed');
    assert.match(
      refused.issues[0]?.message ?? '',
      /^REQUIREMENTS_UNMET: .*accuracy is 0\.87 and not >= 0\.9; .*f1 is not set/,
    );
    assert.deepEqual(contentOf(folder.at('out')), {});
    const warned = succeeded(await fetch({ minimumProperties, onUnmet: 'warn' }));
    assert.deepEqual(
      warned.issues.map(({ type }) => type),
      ['warning'],
    );
    assert.match(warned.summary ?? '', /accuracy is 0\.87/);
    succeeded(await fetch({ minimumProperties: 'accuracy>=0.8', maxAgeDays: '1' }));
  });

  it('takes files from the cache of the agent', async () => {
    await publish('1', { 'model.pkl': 'one' });
    const cacheFolder = folder.at('cache');
    succeeded(await fetch({ cacheFolder }));
    const { summary = '' } = succeeded(await fetch({ cacheFolder, destination: folder.at('other') }));
    assert.match(summary, /0 B downloaded, 3 B from the cache/);
    folder.write('', { file: 'not a folder' });
    const unusable = succeeded(await fetch({ cacheFolder: folder.at('file'), destination: folder.at('third') }));
    assert.match(unusable.issues[0]?.message ?? '', /The cache .*file cannot be used/);
  });

  it('chooses in a plain container by version in the name, by folder and by tag', async () => {
    for (const name of ['m/1.9.0/digits-1.9.0.pkl', 'm/1.10.0/digits-1.10.0.pkl']) await put(container, name, name);
    await container.client.getBlobClient('m/1.9.0/digits-1.9.0.pkl').setTags({ stage: 'production' });
    const plain = { layout: 'plain', model: '' };
    const semver = succeeded(await fetch({ ...plain, blobs: 'm/**/*.pkl', select: 'semver' }));
    assert.equal(semver.outputs.modelVersion, '1.10.0');
    const newest = succeeded(await fetch({ ...plain, blobs: 'm', select: 'newestFolder' }));
    assert.deepEqual(Object.keys(contentOf(folder.at('out/model'))), ['digits-1.10.0.pkl']);
    assert.equal(newest.outputs.modelVersion, '1.10.0');
    succeeded(await fetch({ ...plain, blobs: 'm/**', select: 'tag', tagFilter: 'stage=production' }));
    assert.deepEqual(Object.keys(contentOf(folder.at('out/model'))), ['1.9.0/digits-1.9.0.pkl']);
    const [forgotten] = succeeded(await fetch({ ...plain, blobs: 'm/**', tagFilter: 'stage=production' })).issues;
    assert.match(
      forgotten?.message ?? '',
      /^The input tagFilter has no effect here: .* layout = plain && select = tag/,
    );
  });

  it('reads no data of what is there already', async () => {
    await publish('1', { 'a.bin': noise(20 * MiB), 'b.txt': 'small' });
    succeeded(await fetch());
    const requests: string[] = [];
    const watched = await FaultProxy.start(container.service.endpoint, ({ head }) => {
      requests.push(head.split(' ')[1] ?? '');
      return undefined;
    });
    const { outputs } = succeeded(await fetch({}, { origin: watched.origin }));
    assert.equal(outputs.result, 'unchanged');
    await watched.stop();
    assert.ok(
      requests.every((path) => path.includes('.json')),
      requests.join(),
    );
  });
});
