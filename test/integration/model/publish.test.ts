import assert from 'node:assert/strict';
import { once } from 'node:events';
import { symlinkSync } from 'node:fs';
import { buffer } from 'node:stream/consumers';
import sinon from 'sinon';
import { writeDeprecation } from '../../../lib/model/deprecation.ts';
import { ManagedLayout } from '../../../lib/model/layout.ts';
import { type Manifest, readManifest } from '../../../lib/model/manifest.ts';
import { type Publication, publishModel, type Published } from '../../../lib/model/publish.ts';
import { resolveModel } from '../../../lib/model/resolve.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import type { Bump } from '../../../lib/model/version-choice.ts';
import { planLayers } from '../../../lib/packing/layer-plan.ts';
import { readLayer } from '../../../lib/packing/read-layer.ts';
import { type BlobContainer, namesIn, put } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { noise, silent, TestFolder } from '../../support/model-folder.ts';
import { delegating } from '../../support/object-stores.ts';
import { createHash } from 'node:crypto';

const NEVER = new AbortController().signal;

describe('publishing a model', () => {
  let container: BlobContainer;
  let store: ObjectStore;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, store, folder } = fresh));

  const publish = (path: string, wanted: Partial<Publication> = {}, signal = NEVER): Promise<Published> =>
    publishModel(
      store,
      {
        path,
        prefix: 'models',
        model: 'digits',
        version: '1',
        channel: 'latest',
        properties: {},
        source: {},
        ...wanted,
      },
      silent,
      signal,
    );
  const manifestOf = async (version: string): Promise<Manifest> => {
    const found = await store.read(`models/digits/versions/${version}/model.json`, NEVER);
    return readManifest(found?.text ?? '', version);
  };
  const channel = async (name = 'latest'): Promise<Record<string, unknown>> =>
    JSON.parse((await store.read(`models/digits/channels/${name}.json`, NEVER))?.text ?? '{}') as Record<
      string,
      unknown
    >;

  it('puts a folder into the store as a version that the channel names', async () => {
    const source = folder.write('m', { 'model.pkl': 'weights', 'meta/labels.txt': '0 1 2', 'meta/empty': '' });
    const { manifest, result } = await publish(source, { properties: { accuracy: '0.97' }, source: { commit: 'abc' } });
    assert.equal(result, 'published');
    const at = `models/digits/versions/1/${manifest.folder}`;
    assert.deepEqual(await namesIn(container), [
      'models/digits/channels/latest.json',
      `${at}/meta/empty`,
      `${at}/meta/labels.txt`,
      `${at}/model.pkl`,
      'models/digits/versions/1/model.json',
    ]);
    assert.deepEqual(await manifestOf('1'), manifest);
    assert.deepEqual([manifest.properties, manifest.source], [{ accuracy: '0.97' }, { commit: 'abc' }]);
    assert.equal((await channel()).version, '1');
  });

  it('takes a single file as well, and files of many parts', async () => {
    const bytes = noise(20 * 1024 * 1024 + 3);
    folder.write('.', { 'weights.bin': bytes });
    const { manifest } = await publish(folder.at('weights.bin'));
    assert.deepEqual(
      manifest.files.map(({ path, size, sha256 }) => ({ path, size, sha256 })),
      [{ path: 'weights.bin', size: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') }],
    );
    const stored = container.client.getBlobClient(`models/digits/versions/1/${manifest.folder}/weights.bin`);
    assert.ok(bytes.equals(await stored.downloadToBuffer()));
  });

  it('records the very layers that an image gets', async () => {
    const source = folder.write('m', { 'b.bin': noise(9_000_000), 'a/c.txt': 'c', 'a.txt': '' });
    const { manifest } = await publish(source);
    const { files } = await resolveModel(
      store,
      { layout: 'managed', prefix: 'models', model: 'digits', by: { version: '1' } },
      NEVER,
    );
    const layers = planLayers(files, manifest.packed?.folder ?? '');
    const packed = layers.map(async (layer) => {
      const bytes = await buffer(readLayer(layer, 0, NEVER));
      return { digest: `sha256:${createHash('sha256').update(bytes).digest('hex')}`, size: bytes.length };
    });
    assert.deepEqual(manifest.packed?.layers, await Promise.all(packed));
  });

  it('again changes nothing and says so', async () => {
    const source = folder.write('m', { 'model.pkl': 'weights' });
    await publish(source);
    const before = await namesIn(container);
    const { result, channel: move } = await publish(source, { properties: { other: '1' } });
    assert.deepEqual([result, move?.moved], ['unchanged', false]);
    assert.deepEqual(await namesIn(container), before);
  });

  it('refuses other content under the same version, and leaves all as it was', async () => {
    await publish(folder.write('m', { 'model.pkl': 'weights' }), { source: { run: 'train 7' } });
    const before = await namesIn(container);
    await assert.rejects(publish(folder.write('n', { 'model.pkl': 'others' })), {
      code: 'VERSION_EXISTS',
      message: /versions\/1 was published before by train 7, with other content/,
    });
    assert.deepEqual(await namesIn(container), before);
  });

  it('moves the channel from version to version and remembers the one before', async () => {
    await publish(folder.write('m', { 'model.pkl': 'one' }));
    const { channel: move } = await publish(folder.write('m', { 'model.pkl': 'two' }), { version: '2' });
    assert.deepEqual(move, { moved: true, previous: '1' });
    assert.deepEqual([(await channel()).version, (await channel()).previous], ['2', '1']);
  });

  it('again never takes a channel back from a version that was created later', async () => {
    const source = folder.write('m', { 'model.pkl': 'weights' });
    await publish(source, { version: '41' });
    await publish(source, { version: '42' });
    const { result, channel: move } = await publish(source, { version: '41' });
    assert.deepEqual([result, move], ['unchanged', { moved: false, previous: undefined, newer: '42' }]);
    assert.equal((await channel()).version, '42');
  });

  it('again moves a channel that an interrupted run had not moved yet', async () => {
    const source = folder.write('m', { 'model.pkl': 'weights' });
    const moves: unknown[] = [];
    for (const version of ['40', '41', '42']) {
      await publish(source, { version, channel: undefined });
      moves.push((await publish(source, { version })).channel);
    }
    await store.remove('models/digits/versions/42/model.json', NEVER);
    moves.push((await publish(source, { version: '40' })).channel);
    assert.deepEqual(
      moves,
      [undefined, '40', '41', '42'].map((previous) => ({ moved: true, previous })),
    );
  });

  it('again is no success where a prune is about to remove the version', async () => {
    const source = folder.write('m', { 'model.pkl': 'weights' });
    const { manifest } = await publish(source, { channel: undefined });
    const note = { reason: 'pruned', deprecated: new Date(), pruned: manifest.digest };
    await writeDeprecation(
      { store, layout: new ManagedLayout('models') },
      { model: 'digits', version: '1' },
      note,
      NEVER,
    );
    await assert.rejects(publish(source, { channel: undefined }), {
      code: 'VERSION_PRUNED',
      remedy: /If a prune was interrupted, another one .* removes the rest first\./,
    });
  });

  it('ends, where the store never takes model.json, with what the user can do about it', async () => {
    const clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'], shouldAdvanceTime: true });
    try {
      const stalled: ObjectStore = {
        ...delegating(store),
        write: (name, bytes, condition, signal) => {
          if (!name.endsWith('/model.json')) return store.write(name, bytes, condition, signal);
          const ended = once(signal, 'abort').then(() => Promise.reject(signal.reason as Error));
          clock.tick(300_000);
          return ended;
        },
      };
      const what = { path: folder.write('m', { 'model.pkl': 'weights' }), prefix: 'models', model: 'digits' };
      const publication = { ...what, version: '1', channel: 'latest', properties: {}, source: {} };
      await assert.rejects(publishModel(stalled, publication, silent, NEVER), {
        code: 'STORE_UNREACHABLE',
        message: /had not taken model\.json of digits 1 after 300 seconds\.$/,
      });
    } finally {
      clock.restore();
    }
  });

  it('leaves channels alone when none is given', async () => {
    await publish(folder.write('m', { 'model.pkl': 'one' }), { channel: undefined });
    assert.deepEqual(
      (await namesIn(container)).filter((name) => name.includes('/channels/')),
      [],
    );
  });

  it('of one version by many at once has one winner; the others leave nothing behind', async () => {
    const racers = Array.from({ length: 6 }, (_, racer) =>
      publish(folder.write(`m${racer}`, { 'model.pkl': `by ${racer}` })),
    );
    const outcomes = await Promise.allSettled(racers);
    const winners = outcomes.filter((outcome) => outcome.status === 'fulfilled');
    assert.equal(winners.length, 1);
    for (const outcome of outcomes) {
      if (outcome.status === 'rejected') assert.equal((outcome.reason as { code?: string }).code, 'VERSION_EXISTS');
    }
    const manifest = await manifestOf('1');
    assert.deepEqual(
      (await namesIn(container)).filter((name) => name.includes('/files/')),
      [`models/digits/versions/1/${manifest.folder}/model.pkl`],
    );
  });

  it('of many versions at once loses no move of the channel', async () => {
    const versions = ['1', '2', '3', '4', '5', '6'];
    const source = folder.write('m', { 'model.pkl': 'same' });
    const moves = await Promise.all(versions.map((version) => publish(source, { version })));
    // Each move began where another had ended: together they are one chain from nothing to what it names now.
    const previous = moves.map(({ channel: move }) => move?.previous ?? 'nothing').sort();
    const last = (await channel()).version;
    assert.deepEqual(previous, ['nothing', ...versions.filter((version) => version !== last)].sort());
  });

  it('of twenty at once leaves every version whole and a channel that names one of them', async () => {
    const versions = Array.from({ length: 20 }, (_, racer) => `r${racer}`);
    const published = await Promise.all(
      versions.map((version) => publish(folder.write(version, { 'model.pkl': `by ${version}` }), { version })),
    );
    assert.deepEqual(
      published.map(({ manifest }) => manifest.version),
      versions,
    );
    const last = (await channel()).version as string;
    const steps = new Map(published.map(({ manifest, channel: move }) => [move?.previous, manifest.version]));
    // Followed from nothing, each move leads to the next, over all of them, to what the channel names now.
    const path: string[] = [];
    for (let at = steps.get(undefined); at !== undefined; at = steps.get(at)) path.push(at);
    assert.deepEqual([path.length, path.at(-1)], [20, last]);
    for (const version of versions) assert.equal((await manifestOf(version)).version, version);
  });

  it('raises the newest semantic version, whatever else there is', async () => {
    const source = folder.write('m', { 'model.pkl': 'weights' });
    const next = async (part: Bump): Promise<string> =>
      (await publish(source, { version: { by: 'bump', part } })).manifest.version;
    assert.equal(await next('minor'), '0.1.0');
    assert.deepEqual([await next('patch'), await next('major'), await next('minor')], ['0.1.1', '1.0.0', '1.1.0']);
    await publish(source, { version: '20261124.3' });
    await publish(source, { version: 'v1.10.0' });
    await put(container, 'models/digits/versions/7.0.0/files/dead0000/model.pkl', 'half');
    assert.equal(await next('patch'), 'v1.10.1');
  });

  it('gives each of many that raise a version at once one of its own', async () => {
    const racers = Array.from({ length: 6 }, (_, racer) =>
      publish(folder.write(`m${racer}`, { 'model.pkl': `by ${racer}` }), { version: { by: 'bump', part: 'patch' } }),
    );
    const versions = (await Promise.all(racers)).map(({ manifest }) => manifest.version);
    assert.deepEqual(versions.sort(), ['0.0.1', '0.0.2', '0.0.3', '0.0.4', '0.0.5', '0.0.6']);
  });

  it('calls a version by its content, so that the same content is the same version', async () => {
    const source = folder.write('m', { 'model.pkl': 'weights' });
    const first = await publish(source, { version: { by: 'digest' } });
    assert.equal(first.manifest.version, first.manifest.digest.slice('sha256:'.length).slice(0, 12));
    assert.equal((await publish(source, { version: { by: 'digest' } })).result, 'unchanged');
    const other = await publish(folder.write('n', { 'model.pkl': 'others' }), { version: { by: 'digest' } });
    assert.deepEqual([other.result, other.channel?.previous], ['published', first.manifest.version]);
  });

  it('takes what a pattern finds, with the paths below its fixed folders, less what is left out', async () => {
    folder.write('run', { 'a.onnx': 'a', 'deep/b.onnx': 'b', 'deep/b.log': '', 'deep/tmp/c.onnx': 'c', 'd.txt': '' });
    const pathsOf = async (path: string, exclude: readonly string[], version: string): Promise<readonly string[]> =>
      (await publish(folder.at(path), { exclude, version })).manifest.files.map((file) => file.path);
    assert.deepEqual(await pathsOf('run/**/*.onnx', ['**/tmp/**'], '1'), ['a.onnx', 'deep/b.onnx']);
    assert.deepEqual(await pathsOf('run/deep/*.onnx', [], '2'), ['b.onnx']);
    assert.deepEqual(await pathsOf('run', ['*.log', '*.txt', 'deep/tmp/**'], '3'), ['a.onnx', 'deep/b.onnx']);
    await assert.rejects(pathsOf('run/*.pkl', [], '4'), {
      code: 'SOURCE_NOT_FOUND',
      message: /No file matches .*\*\.pkl/,
    });
    await assert.rejects(pathsOf('nowhere/*.pkl', [], '5'), {
      code: 'SOURCE_NOT_FOUND',
      message: /no folder .*nowhere/,
    });
    folder.write('model[1]', { 'a.bin': 'itself' });
    assert.deepEqual(await pathsOf('model[1]', [], '6'), ['a.bin']);
  });

  it('needs nothing to be readable that a pattern does not find or that is left out', async () => {
    folder.write('repo', { 'a.pkl': 'a', 'deep/b.pkl': 'b', 'node_modules/c.pkl': 'c' });
    symlinkSync('nowhere', folder.at('repo', 'dangling'));
    symlinkSync('.', folder.at('repo', 'deep', 'circle'));
    symlinkSync('nowhere', folder.at('repo', 'node_modules', 'dangling.pkl'));
    const pathsOf = async (path: string, exclude: readonly string[], version: string): Promise<readonly string[]> =>
      (await publish(folder.at(path), { exclude, version })).manifest.files.map((file) => file.path);
    assert.deepEqual(await pathsOf('repo/*.pkl', [], '1'), ['a.pkl']);
    const leftOut = ['node_modules/**', 'deep/circle/**'];
    assert.deepEqual(await pathsOf('repo/**/*.pkl', leftOut, '2'), ['a.pkl', 'deep/b.pkl']);
    assert.deepEqual(await pathsOf('repo', [...leftOut, 'dangling'], '3'), ['a.pkl', 'deep/b.pkl']);
    for (const [path, exclude] of [
      ['repo/**/*.pkl', ['deep/**']],
      ['repo', leftOut],
    ] as const) {
      await assert.rejects(pathsOf(path, exclude, '4'), { code: 'SOURCE_UNREADABLE', message: /dangling/ });
    }
  });

  it('reads no pattern in the path of the folder that its source is in', async () => {
    const root = folder.write('repo (1) [x]', { 'a.pkl': 'a', 'deep/b.pkl': 'b', 'c.txt': 'c' });
    const pathsOf = async (pattern: string, version: string): Promise<readonly string[]> =>
      (await publish(`${root}/${pattern}`, { root, version })).manifest.files.map((file) => file.path);
    assert.deepEqual(await pathsOf('*.pkl', '1'), ['a.pkl']);
    assert.deepEqual(await pathsOf('deep/*', '2'), ['b.pkl']);
    await assert.rejects(pathsOf('*.onnx', '3'), { code: 'SOURCE_NOT_FOUND', message: /No file matches .*\*\.onnx/ });
  });

  it('refuses a model without content', async () => {
    for (const content of [{ 'a/b.txt': '' }]) {
      await assert.rejects(publish(folder.write('empty', content)), { code: 'MODEL_EMPTY' });
    }
    await assert.rejects(publish(folder.path), { code: 'MODEL_EMPTY' });
    await assert.rejects(publish(folder.at('nowhere')), { code: 'SOURCE_NOT_FOUND' });
    assert.deepEqual(await namesIn(container), []);
  });

  it('takes a model of 0 bytes where that is allowed, but none without files', async () => {
    const path = folder.write('placeholder', { 'model.onnx': '', 'meta/labels.txt': '' });
    const { manifest } = await publish(path, { allowEmpty: true });
    assert.deepEqual(
      manifest.files.map(({ path, size }) => [path, size]),
      [
        ['meta/labels.txt', 0],
        ['model.onnx', 0],
      ],
    );
    await assert.rejects(publish(path, { allowEmpty: true, exclude: ['**'], version: '2' }), {
      code: 'MODEL_EMPTY',
      message: /no files in it/,
    });
  });

  it('refuses names that some disk cannot tell apart', async () => {
    const source = folder.write('m', { 'Model.bin': 'a', 'model.bin': 'b' });
    await assert.rejects(publish(source), { code: 'PATH_UNSAFE', message: /odel\.bin/ });
  });

  it('follows links, as the caches of model hubs need it, but not in circles', async () => {
    folder.write('blobs', { '5f3a': 'weights' });
    folder.write('snapshot', { 'config.json': '{}' });
    symlinkSync('../blobs/5f3a', folder.at('snapshot', 'model.bin'));
    const { manifest } = await publish(folder.at('snapshot'));
    assert.deepEqual(
      manifest.files.map(({ path, size }) => [path, size]),
      [
        ['config.json', 2],
        ['model.bin', 7],
      ],
    );
    symlinkSync('.', folder.at('snapshot', 'loop'));
    await assert.rejects(publish(folder.at('snapshot'), { version: '2' }), {
      code: 'SOURCE_UNREADABLE',
      message: /loop/,
    });
  });

  it('that is cancelled leaves no version and no files', async () => {
    const stop = new AbortController();
    const source = folder.write('m', { 'a.bin': noise(30_000_000), 'b.bin': noise(30_000_000, 2) });
    const cancelled = publishModel(
      store,
      {
        path: source,
        prefix: 'models',
        model: 'digits',
        version: '1',
        channel: 'latest',
        properties: {},
        source: {},
      },
      { ...silent, progress: () => stop.abort(new Error('stopped')) },
      stop.signal,
    );
    await assert.rejects(cancelled, /stopped/);
    assert.deepEqual(await namesIn(container), []);
  });

  it('takes nothing from what another attempt has left, and takes it away once there is the version', async () => {
    await put(container, 'models/digits/versions/1/files/dead0000/model.pkl', 'half');
    const { result, manifest } = await publish(folder.write('m', { 'model.pkl': 'weights' }));
    assert.equal(result, 'published');
    assert.notEqual(manifest.folder, 'files/dead0000');
    assert.equal((await namesIn(container)).filter((name) => name.includes('/files/')).length, 1);
  });
});
