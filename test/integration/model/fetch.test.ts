import assert from 'node:assert/strict';
import { createHash } from 'node:crypto';
import {
  chmodSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from 'node:fs';
import { buffer } from 'node:stream/consumers';
import { setImmediate as soon } from 'node:timers/promises';
import { Destination } from '../../../lib/model/destination.ts';
import { recordedLineage } from '../../../lib/model/destination-record.ts';
import { fetchModel, type FetchedModel } from '../../../lib/model/fetch.ts';
import { pruneModel } from '../../../lib/model/prune.ts';
import { publishModel } from '../../../lib/model/publish.ts';
import { resolveModel } from '../../../lib/model/resolve.ts';
import type { ManagedSelection, ModelSelection, PlainSelection } from '../../../lib/model/selection.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { type BlobContainer, openContainer, put } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { delegating } from '../../support/object-stores.ts';
import { type Content, contentOf, noise, silent, TestFolder } from '../../support/model-folder.ts';

const NEVER = new AbortController().signal;
const latest: ManagedSelection = { layout: 'managed', prefix: 'models', model: 'digits', by: { channel: 'latest' } };
const plain = (...patterns: string[]): PlainSelection => ({
  layout: 'plain',
  model: undefined,
  patterns,
  select: 'all',
});

describe('fetching a model', () => {
  let container: BlobContainer;
  let store: ObjectStore;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, store, folder } = fresh));

  const publish = async (version: string, content: Content): Promise<string> => {
    const path = folder.write(`source-${version}`, content);
    const publication = { path, prefix: 'models', model: 'digits', version, channel: 'latest', source: {} };
    const { manifest } = await publishModel(store, { ...publication, properties: { v: version } }, silent, NEVER);
    return manifest.folder;
  };
  const fetch = (selection: ModelSelection = latest, name = 'model'): Promise<FetchedModel> =>
    fetchModel(store, selection, folder.at('out', name), silent, NEVER);
  const fetched = (name = 'model'): Record<string, string> => contentOf(folder.at('out', name));
  /** A store in which somebody publishes something newer, and prunes the rest, before the first byte of a model is read. */
  const prunedAtFirstRead = (publishNewer: () => Promise<unknown>): ObjectStore => {
    let pruned: Promise<unknown> | undefined;
    const prune = async (): Promise<void> => {
      await publishNewer();
      const later = new Date(Date.now() + 2 * 3_600_000);
      const pruning = { prefix: 'models', model: 'digits', keep: 1, dryRun: false, by: 'clean 1', now: later };
      await pruneModel(store, pruning, silent, NEVER);
    };
    const readRange: ObjectStore['readRange'] = async (...read) => {
      await (pruned ??= prune());
      return store.readRange(...read);
    };
    return { ...delegating(store), readRange };
  };
  const leftovers = (): readonly string[] =>
    readdirSync(folder.at('out')).filter((name) => /fetching|replaced/.test(name));

  describe('from a managed store', () => {
    it('brings exactly its files, whatever they are called', async () => {
      const content = {
        'model.pkl': 'weights',
        'a b/größe %2F #?.bin': 'x',
        'a b/empty': '',
        'big.bin': noise(20_000_001),
      };
      await publish('1', content);
      const { result, version, digest, files, properties } = await fetch();
      assert.deepEqual([result, version, properties, files.length], ['fetched', '1', { v: '1' }, 4]);
      assert.match(digest, /^sha256:/);
      assert.deepEqual(
        fetched(),
        Object.fromEntries(
          Object.entries(content).map(([path, bytes]) => [path, Buffer.from(bytes).toString('latin1')]),
        ),
      );
      assert.deepEqual(leftovers(), []);
    });

    it('brings what the channel names now, or the version that is asked for', async () => {
      await publish('1', { 'model.pkl': 'one' });
      await publish('2', { 'model.pkl': 'two', 'more.txt': 'x' });
      assert.equal((await fetch()).version, '2');
      assert.equal((await fetch({ ...latest, by: { version: '1' } })).version, '1');
      assert.deepEqual(fetched(), { 'model.pkl': 'one' });
    });

    it('downloads nothing when the folder holds the model already', async () => {
      await publish('1', { 'model.pkl': 'weights', 'a/b': 'c' });
      await fetch();
      const requests: string[] = [];
      const proxy = await FaultProxy.start(container.service.endpoint, ({ head }) => {
        requests.push(head.split(' ')[1] ?? '');
        return undefined;
      });
      store = await openContainer(container, { origin: proxy.origin });
      const again = await fetch();
      await proxy.stop();
      assert.deepEqual([again.result, again.files.length], ['unchanged', 2]);
      assert.ok(
        requests.every((path) => path.includes('.json')),
        requests.join(),
      );
    });

    it('downloads again what somebody has changed since', async () => {
      await publish('1', { 'model.pkl': 'weights' });
      for (const spoil of [
        () => writeFileSync(folder.at('out/model/model.pkl'), 'WEIGHTS'),
        () => utimesSync(folder.at('out/model/model.pkl'), 1, 1),
      ]) {
        await fetch();
        spoil();
        assert.equal((await fetch()).result, 'fetched');
        assert.deepEqual(fetched(), { 'model.pkl': 'weights' });
      }
    });

    it('tells what is missing, and what there is', async () => {
      await assert.rejects(fetch(), { code: 'MODEL_NOT_FOUND', remedy: /No model is published there/ });
      await publish('1', { 'model.pkl': 'x' });
      await assert.rejects(fetch({ ...latest, model: 'digit' }), {
        code: 'MODEL_NOT_FOUND',
        remedy: 'There are: digits.',
      });
      await assert.rejects(fetch({ ...latest, by: { version: '2' } }), {
        code: 'VERSION_NOT_FOUND',
        remedy: 'It has: 1.',
      });
      await assert.rejects(fetch({ ...latest, by: { channel: 'prod' } }), {
        code: 'CHANNEL_NOT_FOUND',
        remedy: 'It has: latest.',
      });
    });

    it('never falls back from a channel whose version is gone', async () => {
      await publish('1', { 'model.pkl': 'x' });
      await container.client.deleteBlob('models/digits/versions/1/model.json');
      await assert.rejects(fetch(), { code: 'CHANNEL_DANGLING', message: /names the version 1/ });
    });

    it('refuses files that are not what was published', async () => {
      const at = await publish('1', { 'model.pkl': 'weights', 'more.bin': noise(9_000_000) });
      const damage = (name: string, bytes: string | Buffer): Promise<void> =>
        put(container, `models/digits/versions/1/${at}/${name}`, bytes);
      await damage('model.pkl', 'WEIGHTS');
      await assert.rejects(fetch(), { code: 'DIGEST_MISMATCH', message: /"model\.pkl"/ });
      await damage('model.pkl', 'weights and more');
      await assert.rejects(fetch(), { code: 'BLOB_CHANGED' });
      await damage('model.pkl', 'weights');
      await damage('more.bin', noise(9_000_000, 2));
      await assert.rejects(fetch(), { code: 'DIGEST_MISMATCH', message: /"more\.bin"/ });
      await container.client.deleteBlob(`models/digits/versions/1/${at}/more.bin`);
      await assert.rejects(fetch(), { code: 'BLOB_NOT_FOUND', message: /more\.bin/ });
      assert.deepEqual([fetched(), leftovers()], [{}, []]);
    });

    it('brings what is wanted now where the version that it began with is pruned meanwhile', async () => {
      const { digest } = (await publish('1.0.0', { 'model.pkl': 'same' }), await fetch());
      const wanted = [{ channel: 'latest' }, { range: '^1' }, { digest }];
      for (const [index, by] of wanted.entries()) {
        const [old, next] = [`1.${index}.0`, `1.${index + 1}.0`];
        const notes: string[] = [];
        const reporter = { ...silent, note: (line: string) => notes.push(line) };
        const pruning = prunedAtFirstRead(() => publish(next, { 'model.pkl': 'same' }));
        const { version } = await fetchModel(pruning, { ...latest, by }, folder.at('out', next), reporter, NEVER);
        assert.deepEqual([version, fetched(next)], [next, { 'model.pkl': 'same' }]);
        assert.match(notes.join(), new RegExp(`There is no blob .*versions/${old}/.* Looking again`));
      }
    });

    it('says so where the very version that is wanted is pruned meanwhile', async () => {
      await publish('1', { 'model.pkl': 'weights' });
      const pruning = prunedAtFirstRead(() => publish('2', { 'model.pkl': 'other' }));
      const fetching = fetchModel(pruning, { ...latest, by: { version: '1' } }, folder.at('out/model'), silent, NEVER);
      await assert.rejects(fetching, { code: 'VERSION_PRUNED', message: /The version 1 of digits was removed/ });
    });

    it('refuses a manifest that names files outside the folder', async () => {
      await publish('1', { 'model.pkl': 'weights' });
      const name = 'models/digits/versions/1/model.json';
      const document = JSON.parse((await store.read(name, NEVER))?.text ?? '') as {
        files: { path: string; sha256: string }[];
      };
      const [file] = document.files;
      assert.ok(file);
      file.path = '../../evil';
      const digest = createHash('sha256').update(`${file.sha256}  ${file.path}\n`).digest('hex');
      await put(container, name, JSON.stringify({ ...document, digest: `sha256:${digest}` }));
      await assert.rejects(fetch(), { code: 'PATH_UNSAFE', message: /evil/ });
    });

    it('streams a file from any byte on, and checks one that is read whole', async () => {
      const bytes = noise(20_000_000);
      const at = await publish('1', { 'model.bin': bytes });
      const [file] = (await resolveModel(store, latest, NEVER)).files;
      assert.ok(file);
      for (const offset of [0, 1, 8_388_608, 19_999_999, 20_000_000]) {
        assert.ok(bytes.subarray(offset).equals(await buffer(await file.open(offset, NEVER))), String(offset));
      }
      await put(container, `models/digits/versions/1/${at}/model.bin`, noise(20_000_000, 2));
      await assert.rejects(file.open(0, NEVER).then(buffer), { code: 'DIGEST_MISMATCH' });
    });
  });

  describe('from a plain container', () => {
    it('brings blobs by name, without the folders that the name spells out', async () => {
      await put(container, 'prod/v3/model.pkl', 'weights');
      await put(container, 'prod/scaler.pkl', 'scale');
      const { name, files } = await fetch(plain('prod/v3/model.pkl', 'prod/scaler.pkl'));
      assert.deepEqual(fetched(), { 'model.pkl': 'weights', 'scaler.pkl': 'scale' });
      assert.deepEqual([name, files.length], [container.name, 2]);
    });

    it('brings all that a pattern matches, with the folders below it', async () => {
      for (const name of ['prod/a/1.bin', 'prod/a/2.txt', 'prod/3.bin', 'dev/4.bin', 'prod/odd[1].bin']) {
        await put(container, name, name);
      }
      await fetch(plain('prod/**/*.bin'));
      assert.deepEqual(Object.keys(fetched()).sort(), ['3.bin', 'a/1.bin', 'odd[1].bin']);
      await fetch(plain('prod/odd[1].bin'), 'odd');
      assert.deepEqual(Object.keys(fetched('odd')), ['odd[1].bin']);
    });

    it('brings the newest of each pattern, by time and not by name', async () => {
      await put(container, 'models/m-9.pkl', 'old');
      await put(container, 'scalers/s-1.pkl', 'scaler');
      await new Promise((resolve) => setTimeout(resolve, 1100));
      await put(container, 'models/m-10.pkl', 'new');
      await fetch({ ...plain('models/*.pkl', 'scalers/*.pkl'), select: 'newest' });
      assert.deepEqual(fetched(), { 'm-10.pkl': 'new', 's-1.pkl': 'scaler' });
    });

    it('downloads again only when a blob has changed', async () => {
      await put(container, 'model.pkl', 'one');
      assert.equal((await fetch(plain('model.pkl'))).result, 'fetched');
      assert.equal((await fetch(plain('model.pkl'))).result, 'unchanged');
      await put(container, 'model.pkl', 'two');
      assert.equal((await fetch(plain('model.pkl'))).result, 'fetched');
      assert.deepEqual(fetched(), { 'model.pkl': 'two' });
    });

    it('says which pattern matched nothing, and what is near', async () => {
      await put(container, 'models/digits-2.pkl', 'x');
      await assert.rejects(fetch(plain('models/Digits-*.pkl')), {
        code: 'BLOB_NOT_FOUND',
        message: /"models\/Digits-\*\.pkl"/,
        remedy: /models\/digits-2\.pkl/,
      });
    });

    it('refuses blobs that would leave the folder, become one file, or have no content', async () => {
      await put(container, 'evil/C:model.pkl', 'x');
      await put(container, 'a/model.pkl', 'x');
      await put(container, 'b/model.pkl', 'y');
      await put(container, 'none.pkl', '');
      await assert.rejects(fetch(plain('evil/**')), { code: 'PATH_UNSAFE' });
      await assert.rejects(fetch(plain('a/*', 'b/*')), { code: 'PATH_UNSAFE', message: /twice/ });
      await assert.rejects(fetch(plain('none.pkl')), { code: 'MODEL_EMPTY' });
    });

    it('refuses a blob that is not what its uploader said it was', async () => {
      const blob = container.client.getBlockBlobClient('model.pkl');
      await blob.upload('weights', 7);
      await blob.setHTTPHeaders({ blobContentMD5: createHash('md5').update('others').digest() });
      await assert.rejects(fetch(plain('model.pkl')), { code: 'DIGEST_MISMATCH', message: /MD5/ });
    });

    it('takes names of all lengths and alphabets', async () => {
      const names = [`${'d'.repeat(200)}/${'é'.repeat(100)}.bin`, 'emoji 😀.bin', '模型.bin', 'quote\'"&.bin'];
      for (const name of names) await put(container, name, name);
      await fetch(plain('**'));
      assert.deepEqual(Object.keys(fetched()).sort(), [...names].sort());
    });
  });

  describe('into a folder', () => {
    beforeEach(async () => {
      await publish('1', { 'model.pkl': 'weights' });
    });

    it('that is empty, or a link to one, is fine', async () => {
      mkdirSync(folder.at('out/model'), { recursive: true });
      mkdirSync(folder.at('elsewhere'));
      symlinkSync('../elsewhere', folder.at('out/link'));
      await fetch();
      const { path } = await fetch(latest, 'link');
      assert.equal(path, folder.at('elsewhere'));
      assert.deepEqual(contentOf(folder.at('elsewhere')), { 'model.pkl': 'weights' });
    });

    it('is told with what the store says of the model, under the version that was fetched last', async () => {
      const recorded = async ({ path, digest }: FetchedModel): Promise<unknown> => recordedLineage(path, digest);
      const of = (version: string): unknown => ({
        name: 'digits',
        version,
        uri: store.uriOf(`models/digits/versions/${version}`),
        properties: { v: version },
        source: {},
      });
      assert.deepEqual(await recorded(await fetch()), of('1'));
      await publish('1-again', { 'model.pkl': 'weights' });
      const again = await fetch();
      assert.deepEqual([again.result, again.version], ['unchanged', '1-again']);
      assert.deepEqual(await recorded(again), of('1-again'));
      await publish('2', { 'model.pkl': 'other' });
      assert.deepEqual(await recorded(await fetch()), of('2'));
    });

    it('with a record of earlier times is taken as it is, and told anew', async () => {
      const { path, digest } = await fetch();
      const file = folder.at('out/.model.model-delivery.json');
      const document = JSON.parse(readFileSync(file, 'utf8')) as { models: { lineage?: unknown }[] };
      for (const model of document.models) delete model.lineage;
      writeFileSync(file, JSON.stringify(document));
      assert.equal((await fetch()).result, 'unchanged');
      assert.equal((await recordedLineage(path, digest))?.version, '1');
    });

    it('that holds what no fetch put there is refused, and keeps it', async () => {
      folder.write('out/model', { 'thesis.doc': 'mine' });
      await assert.rejects(fetch(), { code: 'DESTINATION_NOT_OURS', message: /thesis\.doc/ });
      assert.deepEqual(fetched(), { 'thesis.doc': 'mine' });
    });

    it('that is a file is refused', async () => {
      folder.write('out', { model: 'a file' });
      await assert.rejects(fetch(), { code: 'DESTINATION_INVALID' });
    });

    it('loses files that the model no longer has', async () => {
      await publish('2', { 'other.pkl': 'x' });
      await fetch({ ...latest, by: { version: '1' } });
      await fetch();
      assert.deepEqual(fetched(), { 'other.pkl': 'x' });
    });

    it('keeps what it held when the fetch fails', async () => {
      await fetch();
      const at = await publish('2', { 'model.pkl': 'second', 'big.bin': noise(9_000_000) });
      await container.client.deleteBlob(`models/digits/versions/2/${at}/big.bin`);
      await assert.rejects(fetch(), { code: 'BLOB_NOT_FOUND' });
      assert.deepEqual([fetched(), leftovers()], [{ 'model.pkl': 'weights' }, []]);
    });

    it('is swept of what a killed fetch has left beside it', async () => {
      folder.write('out/.model.fetching-0123456789abcdef', { half: 'x' });
      await fetch();
      assert.deepEqual(leftovers(), []);
    });

    it('that another fetch renames away while it is looked at just does not hold the model yet', async () => {
      const many = Object.fromEntries(Array.from({ length: 150 }, (_, index) => [`${index}/file.txt`, 'x']));
      await publish('2', many);
      await fetch();
      const destination = await Destination.at(folder.at('out/model'));
      const model = await resolveModel(store, latest, NEVER);
      for (let turns = 0; turns < 40; turns++) {
        const looking = destination.holds(model);
        for (let turn = 0; turn < turns; turn++) await soon();
        renameSync(folder.at('out/model'), folder.at('out/elsewhere'));
        await looking;
        renameSync(folder.at('out/elsewhere'), folder.at('out/model'));
      }
      assert.equal((await destination.holds(model))?.files.length, 150);
    });

    it('in which something cannot be read is told as such', async function () {
      if (process.getuid?.() === 0) return this.skip(); // root may read anything
      await fetch();
      mkdirSync(folder.at('out/model/theirs'), 0o000);
      await assert.rejects(fetch(), { code: 'DESTINATION_NOT_WRITABLE', message: /theirs/ });
      chmodSync(folder.at('out/model/theirs'), 0o700);
    });

    it('that cannot be written is told as such', async function () {
      if (process.getuid?.() === 0) return this.skip(); // root may write anywhere
      mkdirSync(folder.at('out'));
      chmodSync(folder.at('out'), 0o500);
      await assert.rejects(fetch(), { code: 'DESTINATION_NOT_WRITABLE' });
    });
  });
});
