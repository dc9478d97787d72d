import assert from 'node:assert/strict';
import { existsSync, mkdirSync, readdirSync, readFileSync, statSync, utimesSync, writeFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { ContentCache } from '../../../lib/model/content-cache.ts';
import { fetchModel, type FetchedModel } from '../../../lib/model/fetch.ts';
import { publishModel } from '../../../lib/model/publish.ts';
import type { ModelSelection } from '../../../lib/model/selection.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { type BlobContainer, put } from '../../support/blob-container.ts';
import { useFreshStore } from '../../support/fresh-store.ts';
import { contentOf, noise, silent, TestFolder } from '../../support/model-folder.ts';
import { SmallDisk } from '../../support/small-disk.ts';

const NEVER = new AbortController().signal;
const MiB = 1024 * 1024;
const plain: ModelSelection = { layout: 'plain', model: undefined, patterns: ['*.bin'], select: 'all' };

describe('the cache of an agent', function () {
  this.timeout(60_000);
  let container: BlobContainer;
  let store: ObjectStore;
  let folder: TestFolder;

  useFreshStore((fresh) => ({ container, store, folder } = fresh));

  const publish = async (version: string, files: Readonly<Record<string, string | Buffer>>): Promise<void> => {
    const path = folder.write(`source-${version}`, files);
    const what = { path, prefix: 'models', model: 'digits', version, channel: undefined, properties: {}, source: {} };
    await publishModel(store, what, silent, NEVER);
  };
  const version = (name: string): ModelSelection => ({
    layout: 'managed',
    prefix: 'models',
    model: 'digits',
    by: { version: name },
  });
  /** Fetches as a job of its own does, into a folder of its own. */
  const fetch = async (selection: ModelSelection, job: string, bound = 100 * MiB): Promise<FetchedModel> => {
    const cache = await ContentCache.open(folder.at('cache'), bound);
    return fetchModel(store, selection, folder.at(job, 'model'), silent, NEVER, { cache });
  };
  const cachedFiles = (): readonly string[] =>
    readdirSync(folder.at('cache/files'), { recursive: true, withFileTypes: true })
      .filter((entry) => entry.isFile())
      .map(({ parentPath, name }) => join(parentPath, name));
  const big = noise(3 * MiB);

  it('gives what any job has fetched before, and nothing is downloaded', async () => {
    await publish('1', { 'a.bin': big, 'b/c.txt': 'small', empty: '' });
    assert.deepEqual((await fetch(version('1'), 'one')).cached, 0);
    const { downloaded, cached, result } = await fetch(version('1'), 'two');
    assert.deepEqual([downloaded, cached, result], [0, 3 * MiB + 5, 'fetched']);
    assert.deepEqual(contentOf(folder.at('two/model')), contentOf(folder.at('one/model')));
    await publish('2', { 'a.bin': big, 'b/c.txt': 'other' });
    assert.deepEqual((await fetch(version('2'), 'one')).downloaded, 5);
  });

  it('knows blobs of a plain container by their state', async () => {
    await put(container, 'a.bin', big);
    await fetch(plain, 'one');
    assert.equal((await fetch(plain, 'two')).downloaded, 0);
    await put(container, 'a.bin', noise(3 * MiB, 2));
    assert.equal((await fetch(plain, 'three')).downloaded, 3 * MiB);
    assert.ok(readFileSync(folder.at('three/model/a.bin')).equals(noise(3 * MiB, 2)));
  });

  it('never gives another content for a blob of a plain container than the store has the MD5 of', async () => {
    await put(container, 'a.bin', noise(3 * MiB, 2));
    await fetch(plain, 'other');
    const [other = ''] = cachedFiles();
    await put(container, 'a.bin', big);
    await fetch(plain, 'one');
    const known = readdirSync(folder.at('cache/known'), { recursive: true, withFileTypes: true });
    for (const { name, parentPath } of known.filter((entry) => entry.isFile()))
      writeFileSync(join(parentPath, name), basename(other));
    assert.equal((await fetch(plain, 'two')).downloaded, 3 * MiB);
    assert.ok(readFileSync(folder.at('two/model/a.bin')).equals(big));
    assert.equal((await fetch(plain, 'three')).downloaded, 0);
  });

  it('is not reached by what a job does to its model', async () => {
    await publish('1', { 'a.bin': big });
    await fetch(version('1'), 'one');
    writeFileSync(folder.at('one/model/a.bin'), 'spoilt');
    await fetch(version('1'), 'two');
    writeFileSync(folder.at('two/model/a.bin'), 'X', { flag: 'r+' });
    assert.equal((await fetch(version('1'), 'three')).downloaded, 0);
    assert.ok(readFileSync(folder.at('three/model/a.bin')).equals(big));
  });

  it('never gives what was changed in it, whatever its time says, and mends it', async () => {
    await publish('1', { 'a.bin': big });
    for (const [index, keepTime] of [false, true].entries()) {
      await fetch(version('1'), `first-${index}`);
      const [file = ''] = cachedFiles();
      const { mtime } = statSync(file);
      writeFileSync(file, noise(3 * MiB, 9));
      if (keepTime) utimesSync(file, mtime, mtime);
      const { downloaded } = await fetch(version('1'), `second-${index}`);
      assert.equal(downloaded, 3 * MiB);
      assert.ok(readFileSync(folder.at(`second-${index}/model/a.bin`)).equals(big));
      assert.ok(readFileSync(file).equals(big), 'the cache has the right content again');
    }
  });

  it('removes what was used longest ago, never what is needed now', async () => {
    for (const seed of [1, 2, 3]) await publish(String(seed), { 'a.bin': noise(3 * MiB, seed) });
    const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 50));
    await fetch(version('1'), 'a', 7 * MiB);
    await pause();
    await fetch(version('2'), 'b', 7 * MiB);
    await pause();
    await fetch(version('1'), 'c', 7 * MiB);
    await pause();
    await fetch(version('3'), 'd', 7 * MiB);
    assert.equal(cachedFiles().length, 2);
    assert.equal((await fetch(version('1'), 'e', 7 * MiB)).downloaded, 0);
    assert.equal((await fetch(version('2'), 'f', 7 * MiB)).downloaded, 3 * MiB);
    await fetch(version('1'), 'g', 2 * MiB);
    assert.ok(cachedFiles().length > 0, 'a model beyond the bound leaves the cache alone');
  });

  it('serves many jobs at once', async () => {
    await publish('1', { 'a.bin': big, 'b.bin': noise(2 * MiB, 2), 'c.txt': 'small' });
    await Promise.all(Array.from({ length: 6 }, (_, job) => fetch(version('1'), `job-${job}`)));
    for (let job = 0; job < 6; job++) {
      assert.ok(readFileSync(folder.at(`job-${job}/model/a.bin`)).equals(big));
    }
    assert.deepEqual([cachedFiles().length, readdirSync(folder.at('cache/incoming'))], [3, []]);
  });

  it('takes files only once the model is in its place, so a disk with just enough room for that will do', async function () {
    mkdirSync(folder.at('disk'));
    const disk = SmallDisk.mount(folder.at('disk'), 64);
    if (disk === undefined) return this.skip();
    try {
      const content = { 'a.bin': noise(20 * MiB), 'b.bin': noise(20 * MiB, 2), 'c.txt': 'small' };
      await publish('1', content);
      const cache = await ContentCache.open(folder.at('disk/cache'), 100 * MiB);
      const destination = folder.at('disk/model');
      const inPlace: boolean[] = [];
      const keep = cache.keep.bind(cache);
      cache.keep = (...file) => {
        inPlace.push(existsSync(destination));
        return keep(...file);
      };
      const { result } = await fetchModel(store, version('1'), destination, silent, NEVER, { cache });
      assert.deepEqual([result, inPlace], ['fetched', [true, true, true]]);
      assert.deepEqual(readdirSync(folder.at('disk/cache/incoming')), []);
      for (const [name, bytes] of Object.entries(content)) {
        assert.ok(readFileSync(join(destination, name)).equals(Buffer.from(bytes)), name);
      }
    } finally {
      disk.unmount();
    }
  });

  it('that cannot be used says so', async () => {
    folder.write('', { file: 'x' });
    await assert.rejects(ContentCache.open(folder.at('file'), MiB), { code: 'CACHE_NOT_WRITABLE' });
  });
});
