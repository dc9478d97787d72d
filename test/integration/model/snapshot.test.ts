import assert from 'node:assert/strict';
import { resolveModel } from '../../../lib/model/resolve.ts';
import type { PlainChoice } from '../../../lib/model/selection.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { STORE_KINDS, type TestStore } from '../../support/object-stores.ts';
import { RequestProxy, type SeenRequest } from '../../support/request-proxy.ts';
import { waitsOf } from '../../support/skipped-waits.ts';

const NEVER = new AbortController().signal;

for (const kind of STORE_KINDS) {
  describe(`the snapshot of a plain container on ${kind.name}`, function () {
    this.timeout(60_000);
    let behind: TestStore;
    let proxy: RequestProxy;

    beforeEach(async () => {
      behind = await kind.fresh();
      proxy = await RequestProxy.start(behind.endpoint);
    });
    afterEach(async () => {
      await proxy.stop();
      await behind.remove();
    });

    const open = (pageSize?: number): Promise<ObjectStore> =>
      behind.open({ origin: proxy.origin, ...(pageSize === undefined ? {} : { pageSize }) });
    const pathsOf = async (
      store: ObjectStore,
      select: PlainChoice,
      ...patterns: string[]
    ): Promise<readonly string[]> => {
      const { files } = await resolveModel(store, { layout: 'plain', model: undefined, patterns, select }, NEVER);
      return files.map(({ path }) => path);
    };
    const write = async (...names: readonly string[]): Promise<void> => {
      for (const name of names) await behind.put(name, name);
    };
    /** Lets a writer come before one of the requests, and only then. */
    const writeBefore = (isMeant: (request: SeenRequest) => boolean, ...names: readonly string[]): void => {
      let written = false;
      proxy.reset({
        before: async (request) => {
          if (written || !isMeant(request)) return undefined;
          written = true;
          await write(...names);
          return undefined;
        },
      });
    };

    it('mixes no states where a writer comes between the listings of two lines', async () => {
      await write('weights/w1', 'labels/l1');
      const store = await open();
      writeBefore(({ url }) => decodeURIComponent(url).includes('prefix=labels/'), 'weights/w2', 'labels/l2');
      assert.deepEqual(await pathsOf(store, 'newest', 'weights/*', 'labels/*'), ['l2', 'w2']);
    });

    it('mixes no states where a writer comes between the pages of a listing', async () => {
      await write('m/a1', 'm/b1', 'm/y1', 'm/z1');
      const store = await open(2);
      writeBefore(({ index }) => index === 1, 'm/a2', 'm/z2');
      assert.deepEqual(await pathsOf(store, 'all', 'm/**'), ['a1', 'a2', 'b1', 'y1', 'z1', 'z2']);
    });

    it('costs one listing of a single blob, and two of several', async () => {
      await write('weights/w1', 'labels/l1');
      const store = await open();
      proxy.reset();
      await pathsOf(store, 'newest', 'weights/*');
      assert.equal(proxy.seen.length, 1);
      proxy.reset();
      await pathsOf(store, 'newest', 'weights/*', 'labels/*');
      assert.equal(proxy.seen.length, 4);
    });

    it('gives up, and says why, where the blobs never stay as they are', async () => {
      await write('m/a', 'm/b');
      const store = await open();
      proxy.reset({
        before: async ({ index }) => {
          await write(`m/${index}`);
          return undefined;
        },
      });
      const waits = await waitsOf(() =>
        assert.rejects(pathsOf(store, 'all', 'm/*'), {
          code: 'CONTAINER_BUSY',
          message: /^What "m\/\*" finds in \S+ changed from one listing to the next, 5 times\.$/,
        }),
      );
      assert.deepEqual(waits, [0, 500, 1_000, 2_000, 4_000]);
    });
  });
}
