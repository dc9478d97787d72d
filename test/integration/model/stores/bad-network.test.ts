import assert from 'node:assert/strict';
import { readdirSync, rmSync } from 'node:fs';
import { fetchModel, type FetchedModel } from '../../../../lib/model/fetch.ts';
import { publishModel, type Published } from '../../../../lib/model/publish.ts';
import type { Reporter } from '../../../../lib/model/progress.ts';
import type { ModelSelection } from '../../../../lib/model/selection.ts';
import type { ObjectStore } from '../../../../lib/model/stores/object-store.ts';
import { type FaultPlan, FaultProxy } from '../../../support/fault-proxy.ts';
import { contentOf, noise, silent, TestFolder } from '../../../support/model-folder.ts';
import { delegating, STORE_KINDS, type TestStore, type TestStoreOptions } from '../../../support/object-stores.ts';

const NEVER = new AbortController().signal;
const latest: ModelSelection = { layout: 'managed', prefix: 'models', model: 'digits', by: { channel: 'latest' } };
const MiB = 1024 * 1024;

const plain = (pattern: string): ModelSelection => ({
  layout: 'plain',
  model: undefined,
  patterns: [pattern],
  select: 'all',
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

for (const kind of STORE_KINDS) {
  describe(`a store on ${kind.name} behind a bad network`, function () {
    this.timeout(120_000);
    let behind: TestStore;
    let folder: TestFolder;
    let proxy: FaultProxy;

    beforeEach(async () => {
      behind = await kind.fresh();
      folder = new TestFolder();
      proxy = await FaultProxy.start(behind.endpoint);
    });
    afterEach(async () => {
      await proxy.stop();
      folder.remove();
      await behind.remove();
    });

    const through = (plan: FaultPlan, options: TestStoreOptions = {}): Promise<ObjectStore> => {
      proxy.plan = plan;
      return behind.open({ origin: proxy.origin, ...options });
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
        await publish(await behind.open(), folder.write('m', model));
        for (let run = 0; run < 5; run++) {
          // The first connections break; each answer is taken up again where it broke.
          const store = await through(({ index }) =>
            index % 2 === 0 && index < 16
              ? { cutAfter: { bytes: Math.floor(Math.random() * 6 * MiB), by } }
              : undefined,
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
      await fetch(await behind.open());
      assert.deepEqual(fetched(), expected);
      assert.equal((await behind.names()).length, manifest.files.length + 2);
    });

    it('knows its own version although the answer to its last request was lost', async () => {
      const store = await behind.open();
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
      await publish(await behind.open(), folder.write('m', model));
      const store = await through(({ index }) => (index < 3 ? { stallAfter: 2 * MiB } : undefined), { idleLimit: 500 });
      await fetch(store);
      assert.deepEqual(fetched(), expected);
    });

    it('waits for a store that is busy, as long as that asks for', async () => {
      await publish(await behind.open(), folder.write('m', { 'c.txt': 'small' }));
      for (const status of [500, 503, 429]) {
        const from = proxy.connections;
        const store = await through(({ index }) =>
          index === from ? { answer: { status, headers: { 'retry-after': '1' } } } : undefined,
        );
        const started = Date.now();
        await store.read('models/digits/channels/latest.json', NEVER);
        assert.ok(Date.now() - started >= 1000, String(status));
      }
    });

    it('never mixes two states of a container that changes during the fetch', async () => {
      const names = ['a.bin', 'b.bin'];
      const overwrite = (seed: number): Promise<unknown> =>
        Promise.all(names.map((name) => behind.put(name, Buffer.alloc(10 * MiB, seed))));
      for (let piece = 1; piece <= 3; piece++) {
        await overwrite(1);
        const notes: string[] = [];
        const store = interrupted(await behind.open(), piece, () => overwrite(2));
        await fetch(store, plain('*.bin'), { ...silent, note: (line) => notes.push(line) });
        const states = Object.values(fetched()).map((text) => [...new Set(Buffer.from(text, 'latin1'))]);
        assert.deepEqual(states, [[2], [2]]);
        assert.match(notes.join(), /changed while it was read.*Looking again/);
      }
    });

    it('says that a blob is gone that is deleted during the fetch, and leaves nothing', async () => {
      await behind.put('a.bin', noise(10 * MiB));
      const store = interrupted(await behind.open(), 1, () => behind.delete('a.bin'));
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
}
