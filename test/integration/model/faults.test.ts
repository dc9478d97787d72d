import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { fetchModel, type FetchedModel } from '../../../lib/model/fetch.ts';
import { publishModel, type Published } from '../../../lib/model/publish.ts';
import type { Reporter } from '../../../lib/model/progress.ts';
import type { ModelSelection } from '../../../lib/model/selection.ts';
import { accountAddress, keyCredential, sasCredential } from '../../../lib/model/stores/azure-access.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { AzureBlobStore, type AzureStoreOptions } from '../../../lib/model/stores/azure-blob.ts';
import { type BlobContainer, freshContainer, namesIn, openContainer, put } from '../../support/blob-container.ts';
import { type FaultPlan, FaultProxy } from '../../support/fault-proxy.ts';
import { contentOf, noise, silent, TestFolder } from '../../support/model-folder.ts';

const NEVER = new AbortController().signal;
const latest: ModelSelection = { layout: 'managed', prefix: 'models', model: 'digits', by: { channel: 'latest' } };
const MiB = 1024 * 1024;

const plain = (pattern: string): ModelSelection => ({
  ...{ layout: 'plain', model: undefined, patterns: [pattern], select: 'all' },
});

/** A store in which something happens just before the piece of that number is read. */
function interrupted(store: ObjectStore, piece: number, happens: () => Promise<unknown>): ObjectStore {
  let reads = 0;
  let happened: Promise<unknown> | undefined;
  return {
    ...delegating(store),
    readRange: async (range, into, signal) => {
      if (reads++ >= piece) await (happened ??= happens());
      return store.readRange(range, into, signal);
    },
  };
}

/** A store with all its methods as properties, so that a test can put its own in place of one. */
function delegating(store: ObjectStore): ObjectStore {
  return {
    container: store.container,
    mostParts: store.mostParts,
    uriOf: (name) => store.uriOf(name),
    list: (prefix, signal) => store.list(prefix, signal),
    listFolders: (prefix, signal) => store.listFolders(prefix, signal),
    listTagged: (expression, signal) => store.listTagged(expression, signal),
    read: (name, signal) => store.read(name, signal),
    readRange: (range, into, signal) => store.readRange(range, into, signal),
    write: (name, bytes, condition, signal) => store.write(name, bytes, condition, signal),
    startUpload: (name) => store.startUpload(name),
    remove: (name, signal) => store.remove(name, signal),
  };
}

describe('a store behind a bad network', function () {
  this.timeout(120_000);
  let container: BlobContainer;
  let folder: TestFolder;
  let proxy: FaultProxy;

  beforeEach(async () => {
    container = await freshContainer();
    folder = new TestFolder();
    proxy = await FaultProxy.start(container.service.endpoint);
  });
  afterEach(async () => {
    await proxy.stop();
    folder.remove();
    await container.client.delete();
  });

  const through = (plan: FaultPlan, options: AzureStoreOptions = {}): Promise<AzureBlobStore> => {
    proxy.plan = plan;
    return openContainer(container, { origin: proxy.origin, ...options });
  };
  const publish = (store: ObjectStore, path: string, version = '1'): Promise<Published> => {
    const what = { path, prefix: 'models', model: 'digits', version, channel: 'latest', properties: {}, source: {} };
    return publishModel(store, what, silent, NEVER);
  };
  const fetch = (
    store: ObjectStore,
    selection: ModelSelection = latest,
    reporter: Reporter = silent,
  ): Promise<FetchedModel> => fetchModel(store, selection, folder.at('out/model'), reporter, NEVER);
  const fetched = (): Record<string, string> => contentOf(folder.at('out/model'));
  const model = { 'a.bin': noise(12 * MiB), 'b.bin': noise(3 * MiB, 2), 'c.txt': 'small' };
  const expected = Object.fromEntries(Object.entries(model).map(([name, bytes]) => [name, bytes.toString('latin1')]));

  for (const by of ['fin', 'rst'] as const) {
    it(`fetches rightly through connections cut by ${by.toUpperCase()} at random bytes`, async () => {
      await publish(await openContainer(container), folder.write('m', model));
      for (let run = 0; run < 5; run++) {
        // The first connections break; each answer is taken up again where it broke.
        const store = await through(({ index }) =>
          index % 2 === 0 && index < 16 ? { cutAfter: { bytes: Math.floor(Math.random() * 6 * MiB), by } } : undefined,
        );
        await fetch(store);
        assert.deepEqual(fetched(), expected);
        assert.deepEqual(
          readdirSync(folder.at('out')).filter((name) => /fetching|replaced/.test(name)),
          [],
        );
        rmSync(folder.at('out'), { recursive: true });
      }
      assert.ok(proxy.connections > 10);
    });
  }

  it('publishes rightly although requests are cut half way', async () => {
    const store = await through(({ index, head }) =>
      head.startsWith('PUT') && index % 3 === 1
        ? { cutRequestAfter: 1 + Math.floor(Math.random() * 5 * MiB) }
        : undefined,
    );
    const { manifest } = await publish(store, folder.write('m', model));
    await fetch(await openContainer(container));
    assert.deepEqual(fetched(), expected);
    assert.equal((await namesIn(container)).length, manifest.files.length + 2);
  });

  it('knows its own version although the answer to its last request was lost', async () => {
    const store = await openContainer(container);
    const twice: ObjectStore = {
      ...delegating(store),
      // What a retry sees whose first request came through unnoticed.
      write: async (...args) => (await store.write(...args)) && store.write(...args),
    };
    const published = await publish(twice, folder.write('m', { 'c.txt': 'small' }));
    assert.equal(published.result, 'published');
    assert.equal((await fetch(store)).digest, published.manifest.digest);
  });

  it('gives up on a peer that stalls, tries again, and goes on', async () => {
    await publish(await openContainer(container), folder.write('m', model));
    const store = await through(({ index }) => (index < 3 ? { stallAfter: 2 * MiB } : undefined), { idleLimit: 500 });
    await fetch(store);
    assert.deepEqual(fetched(), expected);
  });

  it('waits for a store that is busy, as long as that asks for', async () => {
    await publish(await openContainer(container), folder.write('m', { 'c.txt': 'small' }));
    for (const status of [500, 503, 429]) {
      const from = proxy.connections;
      const store = await through(({ index }) =>
        index === from ? { answer: { status, headers: { 'retry-after': '2' } } } : undefined,
      );
      const started = Date.now();
      await store.read('models/digits/channels/latest.json', NEVER);
      assert.ok(Date.now() - started >= 2000, String(status));
    }
  });

  it('never mixes two states of a container that changes during the fetch', async () => {
    const names = ['a.bin', 'b.bin'];
    const overwrite = (seed: number): Promise<unknown> =>
      Promise.all(names.map((name) => put(container, name, Buffer.alloc(10 * MiB, seed))));
    for (let piece = 1; piece <= 3; piece++) {
      await overwrite(1);
      const notes: string[] = [];
      const store = interrupted(await openContainer(container), piece, () => overwrite(2));
      await fetch(store, plain('*.bin'), { ...silent, note: (line) => notes.push(line) });
      const states = Object.values(fetched()).map((text) => [...new Set(Buffer.from(text, 'latin1'))]);
      assert.deepEqual(states, [[2], [2]]);
      assert.match(notes.join(), /changed while it was read.*Listing again/);
    }
  });

  it('says that a blob is gone that is deleted during the fetch, and leaves nothing', async () => {
    await put(container, 'a.bin', noise(20 * MiB));
    const store = interrupted(await openContainer(container), 1, () => container.client.deleteBlob('a.bin'));
    await assert.rejects(fetch(store, plain('a.bin')), { code: 'BLOB_NOT_FOUND' });
    assert.deepEqual(contentOf(folder.at('out')), {});
  });

  it('that refuses every connection is unreachable, soon', async () => {
    const store = await through(() => ({ refuse: true }));
    const started = Date.now();
    await assert.rejects(fetch(store), { code: 'STORE_UNREACHABLE', message: /broke the connection/ });
    assert.ok(Date.now() - started < 20_000);
  });
});

describe('a store that cannot be used', function () {
  this.timeout(60_000);
  let container: BlobContainer;
  before(async () => {
    container = await freshContainer();
  });
  after(() => container.client.delete());

  const readAt = async (changed: Partial<BlobContainer['access']>): Promise<unknown> => {
    const store = await AzureBlobStore.open({ ...container.access, ...changed }, { connectLimit: 1000 });
    return store.read('models/x', NEVER);
  };
  const soon = async (code: string, changed: Partial<BlobContainer['access']>): Promise<void> => {
    const started = Date.now();
    await assert.rejects(readAt(changed), { code });
    assert.ok(Date.now() - started < 20_000, `${code} took ${Date.now() - started} ms`);
  };

  it('because its host does not exist, nothing listens, or nobody answers, is unreachable', async () => {
    await soon('STORE_UNREACHABLE', accountAddress('https://no-such-account.invalid'));
    await soon('STORE_UNREACHABLE', accountAddress('http://127.0.0.1:9/devstoreaccount1'));
    // TEST-NET-1 of RFC 5737 answers nobody.
    await soon('STORE_UNREACHABLE', accountAddress('https://192.0.2.1/shop'));
  });

  it('because the key is wrong is told as such', async () => {
    await soon('STORE_UNAUTHORIZED', { credential: keyCredential(Buffer.alloc(64, 1).toString('base64')) });
    const sas = 'sv=2024-11-04&sr=c&sp=rl&se=2099-01-01T00:00:00Z&sig=d3Jvbmc=';
    await soon('STORE_UNAUTHORIZED', { credential: sasCredential(sas) });
  });

  it('because the signature lacks a right is told apart', async () => {
    const writeOnly = await sasOf(container, 'w');
    await soon('STORE_FORBIDDEN', { credential: sasCredential(writeOnly) });
  });

  it('because the container is not there, or not public, is told as such', async () => {
    const { service, access } = container;
    const missing = await AzureBlobStore.open({ ...access, container: 'not-there' });
    await assert.rejects(missing.read('x', NEVER), { code: 'CONTAINER_NOT_FOUND', message: /not-there/ });
    const anonymous = await AzureBlobStore.open({
      ...accountAddress(service.endpoint),
      container: container.name,
      credential: { kind: 'anonymous' },
    });
    await assert.rejects(
      (async () => {
        for await (const { name } of anonymous.list('', NEVER)) assert.fail(name);
      })(),
      ({ code }: { code: string }) => ['CONTAINER_NOT_FOUND', 'STORE_UNAUTHORIZED'].includes(code),
    );
  });

  it('works with a signature that has just the rights it needs', async () => {
    await put(container, 'a/b.txt', 'hello');
    const store = await AzureBlobStore.open({
      ...container.access,
      credential: sasCredential(await sasOf(container, 'rl')),
    });
    const names: string[] = [];
    for await (const { name } of store.list('a/', NEVER)) names.push(name);
    assert.deepEqual(names, ['a/b.txt']);
    assert.equal((await store.read('a/b.txt', NEVER))?.text, 'hello');
  });

  it('lists page by page', async () => {
    const names = Array.from({ length: 11 }, (_, index) => `many/${index}/x`).sort();
    await Promise.all(names.map((name) => put(container, name, '')));
    const store = await openContainer(container, { pageSize: 3 });
    const [found, folders]: string[][] = [[], []];
    for await (const { name } of store.list('many/', NEVER)) found?.push(name);
    for await (const name of store.listFolders('many/', NEVER)) folders?.push(name);
    assert.deepEqual(found, names);
    assert.deepEqual(
      folders,
      names.map((name) => name.split('/')[1]),
    );
  });
});

async function sasOf(container: BlobContainer, permissions: string): Promise<string> {
  const { ContainerSASPermissions } = await import('@azure/storage-blob');
  return container.client.generateSasUrl({
    permissions: ContainerSASPermissions.parse(permissions),
    expiresOn: new Date(Date.now() + 3_600_000),
  });
}
