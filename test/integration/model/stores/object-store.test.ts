// What every kind of store promises, held against each.
import assert from 'node:assert/strict';
import sinon from 'sinon';
import { DirectReader } from '../../../../lib/http/direct-reader.ts';
import type { ObjectStore, StoredObject } from '../../../../lib/model/stores/object-store.ts';
import { noise } from '../../../support/model-folder.ts';
import { objectPart, STORE_KINDS, type TestStore } from '../../../support/object-stores.ts';

const NEVER = new AbortController().signal;
const MiB = 1024 * 1024;

for (const kind of STORE_KINDS) {
  describe(`a store on ${kind.name}`, function () {
    this.timeout(120_000);
    let behind: TestStore;
    let store: ObjectStore;

    beforeEach(async () => {
      behind = await kind.fresh();
      store = await behind.open();
    });
    afterEach(() => behind.remove());

    const write = (name: string, text: string): Promise<boolean> =>
      store.write(name, Buffer.from(text), 'absent', NEVER);
    const listed = async (prefix: string, from = store): Promise<readonly StoredObject[]> => {
      const objects: StoredObject[] = [];
      for await (const object of from.list(prefix, NEVER)) objects.push(object);
      return objects;
    };
    const folders = async (prefix: string, from = store): Promise<readonly string[]> => {
      const names: string[] = [];
      for await (const name of from.listFolders(prefix, NEVER)) names.push(name);
      return names;
    };
    const bytes = async (
      name: string,
      offset: number,
      length: number,
      size: number,
      etag?: string,
    ): Promise<Buffer> => {
      const into = Buffer.alloc(length);
      await store.readRange({ name, offset, size, etag }, into, NEVER);
      return into;
    };
    const etagOf = async (name: string): Promise<string> => (await store.read(name, NEVER))?.etag ?? assert.fail(name);

    describe('writing', () => {
      it('creates what is not there, and never writes over what is', async () => {
        assert.equal(await write('a/b.json', 'one'), true);
        assert.equal(await write('a/b.json', 'two'), false);
        assert.equal((await store.read('a/b.json', NEVER))?.text, 'one');
        assert.deepEqual(await behind.names(), ['a/b.json']);
      });

      it('replaces only the state that was seen', async () => {
        await write('channel', 'one');
        const seen = await etagOf('channel');
        assert.equal(await store.write('channel', Buffer.from('two'), { etag: seen }, NEVER), true);
        assert.equal(await store.write('channel', Buffer.from('three'), { etag: seen }, NEVER), false);
        assert.equal((await store.read('channel', NEVER))?.text, 'two');
      });

      it('does not bring back what is gone', async () => {
        await write('channel', 'one');
        const seen = await etagOf('channel');
        await store.remove('channel', NEVER);
        assert.equal(await store.write('channel', Buffer.from('two'), { etag: seen }, NEVER), false);
        assert.equal(await store.read('channel', NEVER), undefined);
      });

      it('of one name by many at once has one winner', async () => {
        for (let round = 0; round < 5; round++) {
          const racers = Array.from({ length: 20 }, (_, racer) => write(`race-${round}`, `by ${racer}`));
          const won = (await Promise.all(racers)).flatMap((wins, racer) => (wins ? [racer] : []));
          assert.equal(won.length, 1);
          assert.equal((await store.read(`race-${round}`, NEVER))?.text, `by ${won.join()}`);
        }
      });

      it('by compare-and-swap of many at once loses no step', async () => {
        await write('counter', '0');
        const step = async (): Promise<void> => {
          for (;;) {
            const { text, etag } = (await store.read('counter', NEVER)) ?? assert.fail();
            if (await store.write('counter', Buffer.from(String(Number(text) + 1)), { etag }, NEVER)) return;
          }
        };
        await Promise.all(Array.from({ length: 10 }, step));
        assert.equal((await store.read('counter', NEVER))?.text, '10');
      });

      it('takes names of all alphabets, and empty objects', async () => {
        const names = [
          'a b/größe %2F #?&+=;.bin',
          '模型/😀.bin',
          'quote\'"!()*.bin',
          `${'d'.repeat(200)}/${'e'.repeat(200)}`,
        ];
        for (const name of names) assert.equal(await write(name, name), true);
        for (const name of names) assert.equal((await store.read(name, NEVER))?.text, name);
        assert.equal(await write('empty', ''), true);
        assert.equal((await store.read('empty', NEVER))?.text, '');
        assert.deepEqual((await listed('')).map(({ name }) => name).sort(), [...names, 'empty'].sort());
      });
    });

    describe('an upload in parts', () => {
      const parts = [noise(8 * MiB, 1), noise(8 * MiB, 2), noise(3, 3)];

      it('is joined in order, in whatever order the parts arrive', async () => {
        const upload = store.startUpload('big.bin');
        await Promise.all(
          [2, 0, 1].map((index) => upload.send(index, objectPart(parts[index] ?? assert.fail()), NEVER)),
        );
        assert.deepEqual(await behind.names(), []);
        await upload.complete(3, NEVER);
        const whole = Buffer.concat(parts);
        assert.ok(whole.equals(await bytes('big.bin', 0, whole.length, whole.length)));
      });

      it('never takes the place of another object; one of the same parts is as good as its own', async () => {
        const upload = async (content: readonly Buffer[]): Promise<boolean> => {
          const made = store.startUpload('big.bin');
          await Promise.all(content.map((part, index) => made.send(index, objectPart(part), NEVER)));
          return made.complete(content.length, NEVER);
        };
        assert.equal(await upload(parts), true);
        assert.equal(await upload(parts), true);
        const [first = assert.fail(), second = assert.fail(), last = assert.fail()] = parts;
        assert.equal(await upload([second, first, last]), false);
        const whole = Buffer.concat(parts);
        assert.ok(whole.equals(await bytes('big.bin', 0, whole.length, whole.length)));
      });

      it('that is abandoned has left nothing to see, and may be abandoned twice', async () => {
        const upload = store.startUpload('big.bin');
        await upload.send(0, objectPart(parts[0] ?? assert.fail()), NEVER);
        await upload.abandon(NEVER);
        await upload.abandon(NEVER);
        await store.startUpload('none.bin').abandon(NEVER);
        assert.deepEqual(await behind.names(), []);
      });
    });

    describe('reading', () => {
      it('gives exactly the bytes of a range', async () => {
        const content = noise(100_000);
        await behind.put('a.bin', content);
        for (const [offset, length] of [
          [0, 100_000],
          [1, 1],
          [99_999, 1],
          [500, 70_000],
          [7, 0],
        ] as const) {
          const found = await bytes('a.bin', offset, length, content.length);
          assert.ok(found.equals(content.subarray(offset, offset + length)), `${offset}+${length}`);
        }
      });

      it('has the network write to the memory where the bytes are wanted', async () => {
        await write('model', 'weights');
        const reads = sinon.spy(DirectReader.prototype, 'read');
        try {
          assert.equal(String(await bytes('model', 0, 7, 7)), 'weights');
          assert.equal((await reads.firstCall.returnValue)?.['content-length'], '7');
        } finally {
          reads.restore();
        }
      });

      it('never mixes two states of an object', async () => {
        await behind.put('a.bin', 'first');
        const [{ etag, size } = assert.fail()] = await listed('a.bin');
        assert.equal((await bytes('a.bin', 0, 5, size, etag)).toString(), 'first');
        await behind.put('a.bin', 'other');
        await assert.rejects(bytes('a.bin', 0, 5, size, etag), { code: 'BLOB_CHANGED', message: /"a\.bin"/ });
        await behind.put('a.bin', 'longer than before');
        await assert.rejects(bytes('a.bin', 0, 5, size), { code: 'BLOB_CHANGED' });
        await behind.put('a.bin', 'x');
        await assert.rejects(bytes('a.bin', 2, 3, size), { code: 'BLOB_CHANGED' });
      });

      it('says which object is not there', async () => {
        await assert.rejects(bytes('a/none.bin', 0, 1, 1), { code: 'BLOB_NOT_FOUND', message: /"a\/none\.bin"/ });
        assert.equal(await store.read('a/none.json', NEVER), undefined);
      });

      it('ends with what cancelled it', async () => {
        const stop = new AbortController();
        stop.abort(new Error('stopped'));
        await assert.rejects(store.read('a', stop.signal), /stopped/);
        await behind.put('a.bin', noise(8 * MiB));
        const late = new AbortController();
        const reading = store.readRange(
          { name: 'a.bin', offset: 0, size: 8 * MiB, etag: undefined },
          Buffer.alloc(8 * MiB),
          late.signal,
        );
        late.abort(new Error('stopped later'));
        await assert.rejects(reading, /stopped later/);
      });
    });

    describe('a listing', () => {
      it('shows names, sizes, times and ETags below a prefix, in order', async () => {
        const before = Date.now() - 2000;
        for (const name of ['b/2', 'a/1', 'b/1', 'b', 'bc']) await behind.put(name, name);
        const found = await listed('b/');
        assert.deepEqual(
          found.map(({ name, size }) => [name, size]),
          [
            ['b/1', 3],
            ['b/2', 3],
          ],
        );
        for (const { name, etag, modified } of found) {
          assert.equal((await bytes(name, 0, 3, 3, etag)).toString(), name);
          assert.ok(modified.getTime() > before && modified.getTime() < Date.now() + 2000);
        }
        assert.deepEqual(await listed('none/'), []);
      });

      it('goes on page by page, of objects and of folders', async () => {
        const names = Array.from({ length: 11 }, (_, index) => `many/${String.fromCharCode(97 + index)}/x`);
        await Promise.all(names.map((name) => behind.put(name, 'x')));
        const paged = await behind.open({ pageSize: 3 });
        assert.deepEqual(
          (await listed('many/', paged)).map(({ name }) => name),
          names,
        );
        assert.deepEqual(
          await folders('many/', paged),
          names.map((name) => name.split('/')[1]),
        );
      });

      it('of folders shows those right below, each once', async () => {
        for (const name of ['m/1/a', 'm/1/b', 'm/2/c/d', 'm/file', 'n/3/a']) await behind.put(name, 'x');
        assert.deepEqual(await folders('m/'), ['1', '2']);
        assert.deepEqual(await folders(''), ['m', 'n']);
        assert.deepEqual(await folders('none/'), []);
      });
    });

    it('removes the state that was seen, and no other', async () => {
      await write('model.json', 'one');
      const seen = await etagOf('model.json');
      await store.write('model.json', Buffer.from('two'), { etag: seen }, NEVER);
      assert.equal(await store.removeState('model.json', seen, NEVER), false);
      assert.equal((await store.read('model.json', NEVER))?.text, 'two');
      const [{ etag } = assert.fail()] = await listed('model.json');
      assert.equal(await store.removeState('model.json', etag, NEVER), true);
      assert.equal(await store.removeState('model.json', etag, NEVER), false);
      assert.deepEqual(await behind.names(), []);
    });

    it('removes what is there, and minds not what is not', async () => {
      await behind.put('a', 'x');
      await store.remove('a', NEVER);
      await store.remove('a', NEVER);
      assert.deepEqual(await behind.names(), []);
    });

    it('has addresses that tell objects apart and can be read', () => {
      assert.ok(store.uriOf('a b/c').endsWith(`${store.container}/a%20b/c`));
      assert.ok(store.uriOf('').endsWith(`/${store.container}`));
    });
  });
}
