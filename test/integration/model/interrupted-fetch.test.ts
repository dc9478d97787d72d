import assert from 'node:assert/strict';
import {
  appendFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  symlinkSync,
  truncateSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { fetchModel, type FetchedModel } from '../../../lib/model/fetch.ts';
import { publishModel } from '../../../lib/model/publish.ts';
import type { ManagedSelection } from '../../../lib/model/selection.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { type BlobContainer, put } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { contentOf, noise, silent, TestFolder } from '../../support/model-folder.ts';
import { SmallDisk } from '../../support/small-disk.ts';

const NEVER = new AbortController().signal;
const MiB = 1024 * 1024;
const latest: ManagedSelection = { layout: 'managed', prefix: 'models', model: 'digits', by: { channel: 'latest' } };
const content = { 'a.bin': noise(40 * MiB), 'b.bin': noise(10 * MiB, 2), 'sub/c.txt': 'small', empty: '' };
const expected = Object.fromEntries(
  Object.entries(content).map(([path, bytes]) => [path, Buffer.from(bytes).toString('latin1')]),
);

describe('a fetch that is interrupted', function () {
  this.timeout(120_000);
  let container: BlobContainer;
  let store: ObjectStore;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, store, folder } = fresh));

  const publish = async (version = '1', files: Readonly<Record<string, string | Buffer>> = content): Promise<void> => {
    const path = folder.write(`source-${version}`, files);
    const what = { path, prefix: 'models', model: 'digits', version, channel: 'latest', properties: {}, source: {} };
    await publishModel(store, what, silent, NEVER);
  };
  const fetch = (from: ObjectStore = store, signal = NEVER, notes: string[] = []): Promise<FetchedModel> =>
    fetchModel(from, latest, folder.at('out/model'), { ...silent, note: (line) => notes.push(line) }, signal);
  const fetched = (): Record<string, string> => contentOf(folder.at('out/model'));
  const beside = (): readonly string[] => readdirSync(folder.at('out')).filter((name) => name.includes('.fetching-'));
  const staged = (...path: readonly string[]): string => folder.at('out', beside()[0] ?? 'none', ...path);

  /** Whether so much of one file is there. */
  const hasWritten = (bytes: number): boolean => {
    const journal = existsSync(staged('journal')) ? readFileSync(staged('journal'), 'utf8') : '';
    return [...journal.matchAll(/"bytes":(\d+)/g)].some(([, count]) => Number(count) >= bytes);
  };

  /** A store that fails, as a network does, once so many pieces have been read. */
  const failing = (pieces: number, error: () => Error): ObjectStore => {
    let reads = 0;
    return new Proxy(store, {
      get: (target, name) => {
        if (name === 'readRange') {
          return async (...args: Parameters<ObjectStore['readRange']>) => {
            if (reads++ >= pieces) {
              // Those before are written first, however slow this machine is.
              while (pieces > 1 && !hasWritten(8 * MiB)) await sleep(20);
              throw error();
            }
            return target.readRange(...args);
          };
        }
        const value = Reflect.get(target, name) as unknown;
        return typeof value === 'function' ? (value.bind(target) as unknown) : value;
      },
    });
  };
  const unreachable = (): Error => new DeliveryError('STORE_UNREACHABLE', { message: 'It is gone.', remedy: 'Wait.' });
  const interrupt = (pieces = 4): Promise<void> =>
    assert.rejects(fetch(failing(pieces, unreachable)), { code: 'STORE_UNREACHABLE' });

  it('goes on where it stopped: what is there is not downloaded again', async () => {
    await publish();
    await interrupt();
    assert.deepEqual(fetched(), {});
    assert.equal(beside().length, 1);
    const notes: string[] = [];
    const { resumed, downloaded, result } = await fetch(store, NEVER, notes);
    assert.ok(resumed >= 8 * MiB, `${resumed} bytes resumed`);
    assert.equal(resumed + downloaded, 50 * MiB + 5);
    assert.equal(result, 'fetched');
    assert.match(notes.join(), /interrupted; \d+ bytes are here already/);
    assert.deepEqual([fetched(), beside()], [expected, []]);
  });

  it('does not believe what it left: changed, cut and foreign bytes are downloaded again', async () => {
    await publish();
    const journal = (): string => readFileSync(staged('journal'), 'utf8');
    const spoils: readonly (() => void)[] = [
      () => writeFileSync(staged('files/a.bin'), noise(20 * MiB, 9), { flag: 'r+' }),
      () => truncateSync(staged('files/a.bin'), 100),
      () => writeFileSync(staged('journal'), journal().slice(0, -20)),
      () => writeFileSync(staged('journal'), journal().replaceAll(/"sha256":"./g, '"sha256":"x')),
      () => writeFileSync(staged('journal'), 'nonsense'),
      () => writeFileSync(staged('files/foreign.txt'), 'x'),
    ];
    for (const spoil of spoils) {
      await interrupt();
      spoil();
      await fetch();
      // A file that no model holds makes the destination another one.
      const { 'foreign.txt': foreign, ...rest } = fetched();
      assert.equal(foreign, undefined, 'a foreign file has come along');
      assert.deepEqual(rest, expected);
      folder.removeContent('out');
    }
  });

  it('is not gone on with by a fetch of other content, which takes away what was left', async () => {
    await publish();
    await interrupt();
    await publish('2', { 'a.bin': noise(9 * MiB, 3) });
    const { resumed, version } = await fetch();
    assert.deepEqual([resumed, version, beside()], [0, '2', []]);
  });

  it('leaves nothing where that is not worth it, or where the content is wrong', async () => {
    await publish('1', { 'c.txt': 'small', 'd.txt': 'small as well' });
    await interrupt(1);
    assert.deepEqual(beside(), []);
    await publish('2');
    const [blob = ''] = await namesOf('versions/2/files');
    await put(container, blob, noise(40 * MiB, 8));
    await assert.rejects(fetch(), { code: 'DIGEST_MISMATCH' });
    assert.deepEqual([beside(), readdirSync(folder.at('out'))], [[], []]);
  });

  it('by a cancellation leaves no destination, and no lock', async () => {
    await publish();
    const stop = new AbortController();
    const cancelled = new DeliveryError('CANCELLED', { message: 'Stop.', remedy: 'Again.' });
    const slow = failing(3, () => {
      stop.abort(cancelled);
      return cancelled;
    });
    await assert.rejects(fetch(slow, stop.signal), { code: 'CANCELLED' });
    assert.deepEqual(
      readdirSync(folder.at('out')).map((name) => name.replace(/-[0-9a-f]{16}$/, '')),
      ['.model.fetching'],
    );
    assert.ok((await fetch()).resumed > 0);
  });

  it('does not write through a link that somebody put in place of its folder', async () => {
    await publish();
    await interrupt();
    const name = beside()[0] ?? '';
    folder.removeContent('out');
    mkdirSync(folder.at('elsewhere'));
    symlinkSync(folder.at('elsewhere'), folder.at('out', name));
    await fetch();
    assert.deepEqual([readdirSync(folder.at('elsewhere')), fetched()], [[], expected]);
  });

  it('by somebody who removes its folder says so, and the next one begins anew', async () => {
    await publish();
    const thief = { ...silent, progress: () => rmSync(staged(), { recursive: true, force: true }) };
    await assert.rejects(fetchModel(store, latest, folder.at('out/model'), thief, NEVER), {
      code: 'DESTINATION_BUSY',
      message: /somebody removed what was being written/,
    });
    assert.deepEqual([(await fetch()).result, fetched()], ['fetched', expected]);
  });

  it('by a pause so long that another one has taken over changes nothing, nor what the other one has', async () => {
    await publish();
    const lock = JSON.stringify({ host: 'elsewhere', pid: 1, token: 'theirs' });
    const takenOver = { ...silent, progress: () => writeFileSync(folder.at('out/.model.lock'), lock) };
    await assert.rejects(fetchModel(store, latest, folder.at('out/model'), takenOver, NEVER), {
      code: 'DESTINATION_BUSY',
      message: /another fetch took it over/,
    });
    assert.deepEqual(fetched(), {});
    assert.deepEqual(Object.keys(contentOf(staged('files'))).sort(), Object.keys(expected).sort());
    assert.equal(readFileSync(folder.at('out/.model.lock'), 'utf8'), lock);
  });

  it('by somebody who writes to its files as well does not take them for the model', async () => {
    await publish();
    const meddle = (done: number, total: number): void => {
      if (done === total) appendFileSync(staged('files/a.bin'), 'x');
    };
    const meddling = { ...silent, progress: meddle };
    await assert.rejects(fetchModel(store, latest, folder.at('out/model'), meddling, NEVER), {
      code: 'DESTINATION_BUSY',
      message: /somebody wrote to "a\.bin" as well/,
    });
    assert.deepEqual([fetched(), beside()], [{}, []]);
  });

  it('between its two renames, gives the old content back to the next one', async () => {
    await publish();
    await fetch();
    renameSync(folder.at('out/model'), folder.at('out/.model.replaced'));
    assert.equal((await fetch()).result, 'unchanged');
    await publish('2', { 'a.bin': noise(9 * MiB, 3) });
    renameSync(folder.at('out/model'), folder.at('out/.model.replaced'));
    await assert.rejects(fetch(failing(0, unreachable)));
    assert.deepEqual(fetched(), expected);
  });

  describe('by a disk', () => {
    let disk: SmallDisk | undefined;
    beforeEach(function () {
      mkdirSync(folder.at('out'));
      disk = SmallDisk.mount(folder.at('out'), 64);
      if (disk === undefined) this.skip();
    });
    afterEach(() => disk?.unmount());

    it('that has no room says so before anything is downloaded', async () => {
      await publish('1', { 'a.bin': noise(70 * MiB) });
      await assert.rejects(fetch(failing(0, () => new Error('read'))), {
        code: 'DISK_FULL',
        message: /73400320 bytes/,
      });
      assert.deepEqual(readdirSync(folder.at('out')), []);
    });

    it('that is the destination itself says so before anything is downloaded, and that a folder below it will do', async () => {
      await publish('1', { 'c.txt': 'small' });
      const onto = (path: string, from = store): Promise<FetchedModel> => fetchModel(from, latest, path, silent, NEVER);
      const reading = failing(0, () => new Error('read'));
      await assert.rejects(onto(folder.at('out'), reading), {
        code: 'DESTINATION_INVALID',
        message: /a disk is mounted there/,
        remedy: `Choose a folder below it, such as ${folder.at('out/model')}.`,
      });
      assert.equal((await onto(folder.at('out/model'))).result, 'fetched');
    });

    it('that does not let the destination be renamed says why, and that a folder below it will do', async () => {
      await publish('1', { 'c.txt': 'small' });
      disk?.bind('model');
      await fetchModel(store, latest, folder.at('out/job-below/model'), silent, NEVER);
      await publish('2', { 'c.txt': 'other' });
      disk?.layer('job');
      const before = { model: {}, 'job/model': { 'c.txt': 'small' } };
      const reasons = { model: /: a folder is mounted there/, 'job/model': /: it belongs to the container's image/ };
      for (const [name, message] of Object.entries(reasons)) {
        const path = folder.at('out', name);
        const onto = (to: string): Promise<FetchedModel> => fetchModel(store, latest, to, silent, NEVER);
        const remedy = `Choose a folder below it, such as ${path}/model.`;
        await assert.rejects(onto(path), { code: 'DESTINATION_INVALID', message, remedy });
        assert.deepEqual(contentOf(path), before[name as keyof typeof before]);
        assert.equal((await onto(`${path}/model`)).result, 'fetched');
      }
    });

    it("on which an empty folder comes with a container's image takes the model in its place", async () => {
      await publish('1', { 'c.txt': 'small' });
      mkdirSync(folder.at('out/job-below/model'), { recursive: true });
      disk?.layer('job');
      const { result } = await fetchModel(store, latest, folder.at('out/job/model'), silent, NEVER);
      assert.deepEqual([result, contentOf(folder.at('out/job/model'))], ['fetched', { 'c.txt': 'small' }]);
    });

    it('that gets full meanwhile leaves nothing on it, and what was there as it was', async () => {
      await publish('0', { 'old.txt': 'old' });
      await fetch();
      await publish();
      const full = failing(3, () => new Error('never'));
      const filling = new Proxy(full, {
        get: (_, name) => {
          if (name !== 'readRange') return Reflect.get(full, name) as unknown;
          return async (...args: Parameters<ObjectStore['readRange']>) => {
            if (!readdirSync(folder.at('out')).includes('ballast')) {
              writeFileSync(folder.at('out/ballast'), Buffer.alloc(50 * MiB));
            }
            return store.readRange(...args);
          };
        },
      });
      await assert.rejects(fetch(filling), { code: 'DISK_FULL' });
      assert.deepEqual(fetched(), { 'old.txt': 'old' });
      assert.deepEqual(beside(), []);
    });

    it('that is read-only says so, but still gives what it has', async () => {
      await publish('1', { 'c.txt': 'small' });
      await fetch();
      disk?.makeReadOnly();
      assert.equal((await fetch()).result, 'unchanged');
      await publish('2', { 'c.txt': 'other' });
      await assert.rejects(fetch(), { code: 'DESTINATION_NOT_WRITABLE' });
    });
  });

  async function namesOf(part: string): Promise<readonly string[]> {
    const names: string[] = [];
    for await (const { name } of store.list(`models/digits/${part}`, NEVER)) names.push(name);
    return names;
  }
});

describe('two fetches into one folder at once', function () {
  this.timeout(120_000);
  let store: ObjectStore;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ store, folder } = fresh));

  const publish = async (version: string, files: Readonly<Record<string, string | Buffer>>): Promise<void> => {
    const path = folder.write(`source-${version}`, files);
    const what = { path, prefix: 'models', model: 'digits', version, channel: undefined, properties: {}, source: {} };
    await publishModel(store, what, silent, NEVER);
  };
  const fetch = (version: string): Promise<FetchedModel> =>
    fetchModel(store, { ...latest, by: { version } }, folder.at('out/model'), silent, NEVER);

  it('of one model: one downloads, the other waits and finds it', async () => {
    await publish('1', { 'a.bin': noise(20 * MiB) });
    const results = await Promise.all([fetch('1'), fetch('1'), fetch('1')]);
    assert.deepEqual(results.map(({ result }) => result).sort(), ['fetched', 'unchanged', 'unchanged']);
    assert.equal(
      results.reduce((sum, { downloaded }) => sum + downloaded, 0),
      20 * MiB,
    );
  });

  it('of different models: never a mix, and the folder is known afterwards', async () => {
    await publish('1', { 'a.bin': noise(9 * MiB), 'one.txt': '1' });
    await publish('2', { 'a.bin': noise(9 * MiB, 2), 'two.txt': '2' });
    for (let round = 0; round < 5; round++) {
      await Promise.all([fetch('1'), fetch('2'), fetch('1')]);
      const { 'a.bin': bytes = '', ...rest } = contentOf(folder.at('out/model'));
      const [seed, text] = 'one.txt' in rest ? [1, { 'one.txt': '1' }] : [2, { 'two.txt': '2' }];
      assert.deepEqual(rest, text);
      assert.ok(Buffer.from(bytes, 'latin1').equals(noise(9 * MiB, seed)));
      assert.deepEqual(readdirSync(folder.at('out')).sort(), ['.model.model-delivery.json', 'model']);
    }
    assert.equal(statSync(join(folder.at('out'), 'model')).isDirectory(), true);
  });
});
