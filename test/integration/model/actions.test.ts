import assert from 'node:assert/strict';
import { readChannels } from '../../../lib/model/channel.ts';
import { deprecateVersion, reinstateVersion } from '../../../lib/model/deprecate.ts';
import { readDeprecation, writeDeprecation } from '../../../lib/model/deprecation.ts';
import { ManagedLayout } from '../../../lib/model/layout.ts';
import type { ManagedStore } from '../../../lib/model/managed-store.ts';
import { promoteModel } from '../../../lib/model/promote.ts';
import { pruneModel, type Pruned } from '../../../lib/model/prune.ts';
import { type Publication, publishModel, type Published } from '../../../lib/model/publish.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { type BlobContainer, freshContainer, namesIn, openContainer, put } from '../../support/blob-container.ts';
import { silent, TestFolder } from '../../support/model-folder.ts';
import { delegating } from '../../support/object-stores.ts';

const NEVER = new AbortController().signal;
const DIGITS = { prefix: 'models', model: 'digits' };

describe('what is done to models that are published', () => {
  let container: BlobContainer;
  let managed: ManagedStore;
  let folder: TestFolder;

  beforeEach(async () => {
    container = await freshContainer();
    managed = { store: await openContainer(container), layout: new ManagedLayout('models') };
    folder = new TestFolder();
  });
  afterEach(async () => {
    folder.remove();
    await container.client.delete();
  });

  const publish = (version: string, wanted: Partial<Publication> = {}, content = version): Promise<Published> => {
    const path = folder.write(`v${version}`, { 'model.pkl': content });
    const publication = { ...DIGITS, path, version, channel: undefined, properties: {}, source: {}, ...wanted };
    return publishModel(managed.store, publication, silent, NEVER);
  };
  const promote = (to: { version: string } | { channel: string }, channel: string, expected?: string) =>
    promoteModel(managed.store, { ...DIGITS, to, channel, expected }, NEVER);
  const deprecate = (version: string, reason = 'biased') =>
    deprecateVersion(managed.store, { ...DIGITS, version }, { reason, by: 'ops 3' }, NEVER);
  const reinstate = (version: string) => reinstateVersion(managed.store, { ...DIGITS, version }, NEVER);
  const prune = (keep: number, { dryRun = false, now = new Date() } = {}): Promise<Pruned> =>
    pruneModel(managed.store, { ...DIGITS, keep, dryRun, by: 'clean 1', now }, silent, NEVER);
  const verdicts = ({ items }: Pruned): readonly string[] =>
    items.map(({ version, verdict, why }) => `${version} ${verdict}: ${why}`);
  const channels = async (): Promise<Readonly<Record<string, string>>> =>
    Object.fromEntries((await readChannels(managed, 'digits', NEVER)).map(({ name, version }) => [name, version]));
  const manifests = async (): Promise<readonly string[]> =>
    (await namesIn(container)).flatMap((name) => /versions\/([^/]+)\/model\.json$/.exec(name)?.[1] ?? []);

  describe('promotion', () => {
    it('points a channel at a version, or at that of another channel', async () => {
      await publish('1', { channel: 'latest' });
      await publish('2', { channel: 'latest' });
      const first = await promote({ version: '1' }, 'production');
      assert.deepEqual([first.result, first.channel.previous], ['promoted', undefined]);
      const second = await promote({ channel: 'latest' }, 'production');
      assert.deepEqual([second.result, second.channel.previous, second.manifest.version], ['promoted', '1', '2']);
      assert.equal((await promote({ version: '2' }, 'production')).result, 'unchanged');
      assert.deepEqual(await channels(), { latest: '2', production: '2' });
    });

    it('moves a channel only from where it is expected', async () => {
      for (const version of ['1', '2', '3']) await publish(version);
      await promote({ version: '1' }, 'production');
      await promote({ version: '2' }, 'production', '1');
      const outcomes = await Promise.allSettled([
        promote({ version: '3' }, 'production', '1'),
        promote({ version: '3' }, 'staging', '1'),
      ]);
      assert.deepEqual(
        outcomes.map((outcome) => outcome.status === 'rejected' && (outcome.reason as Error).message),
        [
          'The channel production of digits names the version 2, not 1 as expected.',
          'The channel staging of digits names nothing yet, not 1 as expected.',
        ],
      );
      assert.deepEqual(await channels(), { production: '2' });
    });

    it('refuses what is not there or is deprecated', async () => {
      await publish('1');
      await publish('2');
      await deprecate('2');
      await assert.rejects(promote({ version: '9' }, 'production'), { code: 'VERSION_NOT_FOUND' });
      await assert.rejects(promote({ channel: 'latest' }, 'production'), { code: 'CHANNEL_NOT_FOUND' });
      await assert.rejects(promote({ version: '2' }, 'production'), {
        code: 'VERSION_DEPRECATED',
        message: /version 2 of digits is deprecated: biased\.$/,
      });
      assert.deepEqual(await channels(), {});
    });
  });

  describe('deprecation', () => {
    it('says which channels still name the version, and is lifted again', async () => {
      await publish('1', { channel: 'latest' });
      await promote({ version: '1' }, 'production');
      const { result, channels: named } = await deprecate('1');
      assert.deepEqual([result, named], ['deprecated', ['latest', 'production']]);
      assert.equal((await deprecate('1')).result, 'unchanged');
      assert.equal((await reinstate('1')).result, 'reinstated');
      assert.equal((await reinstate('1')).result, 'unchanged');
    });

    it('is of versions that are there', async () => {
      await publish('1');
      await assert.rejects(deprecate('2'), { code: 'VERSION_NOT_FOUND', remedy: 'It has: 1.' });
      await assert.rejects(reinstate('2'), { code: 'VERSION_NOT_FOUND' });
    });

    it('neither takes the place of what a prune notes at the same moment nor takes it back: the name stays taken', async () => {
      await publish('1');
      await deprecate('1');
      const { store } = managed;
      const pruned = { reason: 'pruned', deprecated: new Date(), by: 'clean 1', pruned: 'sha256:0' };
      /** A prune comes just before such a request. */
      const before = (request: 'read' | 'removeState', end: string): ObjectStore => ({
        ...delegating(store),
        [request]: async (name: string, ...rest: readonly never[]) => {
          if (name.endsWith(end)) await writeDeprecation(managed, one, pruned, NEVER);
          return (store[request] as (...all: readonly unknown[]) => Promise<unknown>)(name, ...rest);
        },
      });
      const one = { ...DIGITS, version: '1' };
      const note = { reason: 'slow', by: 'ops 3' };
      const attempts = [
        () => deprecateVersion(before('read', 'model.json'), one, note, NEVER),
        () => reinstateVersion(before('read', 'model.json'), one, NEVER),
        () => reinstateVersion(before('removeState', 'deprecated.json'), one, NEVER),
      ];
      for (const attempt of attempts) {
        await assert.rejects(attempt(), { code: 'VERSION_PRUNED' });
        assert.equal((await readDeprecation(managed, one, NEVER))?.pruned, 'sha256:0');
        await store.remove('models/digits/versions/1/deprecated.json', NEVER);
        await deprecate('1');
      }
    });
  });

  describe('pruning', () => {
    it('leaves a version that a channel is about to name, even if whoever moves the channel is killed then', async () => {
      for (const version of ['1', '2']) await publish(version);
      let moving = (): void => undefined;
      const aboutToMove = new Promise<void>((resolve) => (moving = resolve));
      let pruned = (): void => undefined;
      const hasPruned = new Promise<void>((resolve) => (pruned = resolve));
      let killed = false;
      const alive = <T>(work: Promise<T>): Promise<T> => (killed ? Promise.reject(new Error('killed')) : work);
      const { store } = managed;
      const doomed: ObjectStore = {
        ...delegating(store),
        read: (name, signal) => alive(store.read(name, signal)),
        remove: (name, signal) => alive(store.remove(name, signal)),
        write: async (name, bytes, condition, signal) => {
          if (!name.includes('/channels/')) return store.write(name, bytes, condition, signal);
          moving();
          await hasPruned;
          killed = true;
          return store.write(name, bytes, condition, signal);
        },
      };
      const promotion = promoteModel(
        doomed,
        { ...DIGITS, to: { version: '1' }, channel: 'new', expected: undefined },
        NEVER,
      );
      await Promise.race([aboutToMove, promotion]);
      assert.deepEqual(verdicts(await prune(1)), ['2 stays: among the newest 1', '1 stays: named by new meanwhile']);
      pruned();
      await assert.rejects(promotion, /killed/);
      assert.deepEqual([await channels(), await manifests()], [{ new: '1' }, ['1', '2']]);
      // What the killed one left holds nothing for long, and goes.
      await deprecate('1');
      await promote({ version: '2' }, 'new');
      assert.deepEqual(verdicts(await prune(1, { now: new Date(Date.now() + 2 * 3_600_000) })), [
        '2 stays: named by new',
        '1 goes: deprecated: biased',
      ]);
      assert.deepEqual(
        (await namesIn(container)).filter((name) => name.includes('/holds/')),
        [],
      );
    });

    it('keeps the newest and what channels name; deprecated ones go first', async () => {
      for (const version of ['1', '2', '3', '4', '5']) await publish(version);
      await promote({ version: '1' }, 'production');
      await deprecate('5');
      const expected = [
        '4 stays: among the newest 2',
        '3 stays: among the newest 2',
        '2 goes: older than the newest 2',
        '1 stays: named by production',
        '5 goes: deprecated: biased',
      ];
      const before = await namesIn(container);
      assert.deepEqual(verdicts(await prune(2, { dryRun: true })), expected);
      assert.deepEqual(await namesIn(container), before);
      const { freed, items } = await prune(2);
      assert.deepEqual(verdicts({ freed, items }), expected);
      assert.ok(freed > 1000);
      assert.deepEqual(await manifests(), ['1', '3', '4']);
      assert.equal((await readDeprecation(managed, { model: 'digits', version: '5' }, NEVER))?.reason, 'biased');
      assert.deepEqual((await prune(2)).freed, 0);
    });

    it('keeps the name of what it removed for the content that it had', async () => {
      await publish('1');
      await publish('2');
      await prune(1);
      await assert.rejects(publish('1', {}, 'other'), { code: 'VERSION_PRUNED' });
      await assert.rejects(promote({ version: '1' }, 'production'), { code: 'VERSION_PRUNED' });
      await assert.rejects(reinstate('1'), { code: 'VERSION_PRUNED' });
      assert.equal((await publish('1', { channel: 'latest' })).result, 'published');
      assert.deepEqual(await channels(), { latest: '1' });
    });

    it('that is interrupted leaves at most one version that cannot be used, and the next one removes it', async () => {
      for (const version of ['1', '2', '3', '4']) await publish(version);
      const { store } = managed;
      const broken: ObjectStore = {
        ...delegating(store),
        removeState: () => Promise.reject(new Error('cut off')),
      };
      const pruning = { ...DIGITS, keep: 1, dryRun: false, by: undefined, now: new Date() };
      await assert.rejects(pruneModel(broken, pruning, silent, NEVER), /cut off/);
      const said = await Promise.all(
        ['1', '2', '3', '4'].map((version) => readDeprecation(managed, { model: 'digits', version }, NEVER)),
      );
      assert.deepEqual(
        said.map((note) => note?.pruned !== undefined),
        [false, false, true, false],
      );
      assert.deepEqual(verdicts(await prune(3)).at(-1), '3 goes: an earlier prune began to remove it');
      assert.deepEqual(await manifests(), ['1', '2', '4']);
    });

    it('leaves a version that was pruned by another and published again meanwhile', async () => {
      for (const version of ['1', '2']) await publish(version);
      const { store } = managed;
      const republish = async (): Promise<unknown> => {
        assert.match(verdicts(await prune(1)).at(-1) ?? '', /^1 goes: /);
        return publish('1');
      };
      // Between what it has listed and the note, and between its last look and the removal.
      for (const before of ['write', 'removeState'] as const) {
        const slow: ObjectStore = delegating(store);
        let done: Promise<unknown> | undefined;
        const late = <T>(work: () => Promise<T>): Promise<T> => (done ??= republish()).then(work);
        const pruning = { ...DIGITS, keep: 1, dryRun: false, by: undefined, now: new Date() };
        const meddled: ObjectStore = {
          ...slow,
          ...(before === 'write'
            ? { write: (...order) => late(() => store.write(...order)) }
            : { removeState: (...order) => late(() => store.removeState(...order)) }),
        };
        assert.deepEqual(verdicts(await pruneModel(meddled, pruning, silent, NEVER)), [
          '2 stays: among the newest 1',
          '1 stays: published again meanwhile',
        ]);
        assert.deepEqual(await manifests(), ['1', '2']);
        assert.equal(await readDeprecation(managed, { model: 'digits', version: '1' }, NEVER), undefined);
        // Older than the other one again.
        await store.remove('models/digits/versions/2/model.json', NEVER);
        await publish('2');
      }
    });

    it('leaves a version of which the note was taken back meanwhile', async () => {
      for (const version of ['1', '2']) await publish(version);
      const { store } = managed;
      const meddled: ObjectStore = {
        ...delegating(store),
        write: async (name, bytes, condition, signal) => {
          const written = await store.write(name, bytes, condition, signal);
          await store.remove(name, signal);
          return written;
        },
      };
      const pruning = { ...DIGITS, keep: 1, dryRun: false, by: undefined, now: new Date() };
      assert.deepEqual(
        verdicts(await pruneModel(meddled, pruning, silent, NEVER)).at(-1),
        '1 stays: published or deprecated again meanwhile',
      );
      assert.deepEqual(await manifests(), ['1', '2']);
    });

    it('removes what another prune has begun to remove, and keeps its name taken', async () => {
      for (const version of ['1', '2']) await publish(version);
      const { store } = managed;
      const late: ObjectStore = {
        ...delegating(store),
        removeState: async (name, etag, signal) => {
          await store.remove(name, signal);
          return store.removeState(name, etag, signal);
        },
      };
      const pruning = { ...DIGITS, keep: 1, dryRun: false, by: undefined, now: new Date() };
      assert.equal(verdicts(await pruneModel(late, pruning, silent, NEVER)).at(-1), '1 goes: older than the newest 1');
      assert.deepEqual(
        (await namesIn(container)).filter((name) => name.includes('/versions/1/')),
        ['models/digits/versions/1/deprecated.json'],
      );
    });

    it('removes versions of which somebody has made snapshots', async () => {
      for (const version of ['1', '2']) await publish(version);
      for (const name of await namesIn(container)) await container.client.getBlobClient(name).createSnapshot();
      await prune(1);
      assert.deepEqual(await manifests(), ['2']);
    });

    it('takes away what failed attempts have left, once a day has gone by', async () => {
      await publish('1');
      await put(container, 'models/digits/versions/2/files/dead0000/model.pkl', 'half');
      await put(container, 'models/digits/versions/1/files/dead0000/model.pkl', 'half');
      assert.deepEqual(verdicts(await prune(5)), [
        '1 stays: among the newest 5',
        '1 stays: of an attempt within the last day',
        '2 stays: of an attempt within the last day',
      ]);
      const now = new Date(Date.now() + 25 * 3_600_000);
      assert.deepEqual(verdicts(await prune(5, { now })).slice(1), [
        '1 goes: left by an attempt that failed',
        '2 goes: left by an attempt that failed',
      ]);
      assert.deepEqual(
        (await namesIn(container)).filter((name) => name.includes('dead0000')),
        [],
      );
      assert.deepEqual(await manifests(), ['1']);
    });

    it('leaves alone what it cannot read, and finds no model where there is none', async () => {
      await publish('1');
      await publish('2');
      await put(container, 'models/digits/versions/odd/model.json', '{}');
      assert.ok(verdicts(await prune(1)).includes('odd stays: its model.json cannot be read'));
      assert.deepEqual(await manifests(), ['2', 'odd']);
      const elsewhere = pruneModel(
        managed.store,
        { ...DIGITS, model: 'digit', keep: 1, dryRun: true, by: undefined, now: new Date() },
        silent,
        NEVER,
      );
      await assert.rejects(elsewhere, { code: 'MODEL_NOT_FOUND', remedy: 'There are: digits.' });
    });

    it('and a promotion at the same moment never leave a channel without its version', async () => {
      for (let round = 0; round < 15; round++) {
        const model = `race${round}`;
        for (const version of ['1', '2']) await publish(version, { model });
        const to = { version: '1' };
        const promotion = { ...DIGITS, model, to, channel: 'production', expected: undefined };
        const pruning = { ...DIGITS, model, keep: 1, dryRun: false, by: undefined, now: new Date() };
        const delay = new Promise((resolve) => setTimeout(resolve, round * 2));
        await Promise.allSettled([
          pruneModel(managed.store, pruning, silent, NEVER),
          delay.then(() => promoteModel(managed.store, promotion, NEVER)),
        ]);
        for (const { version } of await readChannels(managed, model, NEVER)) {
          const manifest = await managed.store.read(managed.layout.manifest(model, version), NEVER);
          const said = await readDeprecation(managed, { model, version }, NEVER);
          assert.deepEqual([manifest === undefined, said], [false, undefined], `round ${round}`);
        }
      }
    });
  });
});
