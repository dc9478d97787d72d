import assert from 'node:assert/strict';
import { type ChildProcess, spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { build } from 'esbuild';
import { readChannels } from '../../../lib/model/channel.ts';
import { ManagedLayout } from '../../../lib/model/layout.ts';
import { readManifest } from '../../../lib/model/manifest.ts';
import type { ManagedStore } from '../../../lib/model/managed-store.ts';
import { pruneModel } from '../../../lib/model/prune.ts';
import { type Publication, publishModel } from '../../../lib/model/publish.ts';
import type { ObjectStore } from '../../../lib/model/stores/object-store.ts';
import { type BlobContainer, freshContainer, namesIn, openContainer, put } from '../../support/blob-container.ts';
import { noise, silent, TestFolder } from '../../support/model-folder.ts';
import type { Order } from '../../support/publisher.ts';
import { RequestProxy, type SeenRequest } from '../../support/request-proxy.ts';

const NEVER = new AbortController().signal;
const MiB = 1024 * 1024;

describe('a publication that is interrupted', () => {
  let container: BlobContainer;
  let direct: ObjectStore;
  let folder: TestFolder;
  let proxy: RequestProxy;
  let bundle: string;
  let publisher: string;

  before(async () => {
    bundle = await mkdtemp(join(tmpdir(), 'publisher-'));
    publisher = join(bundle, 'publisher.mjs');
    await bundlePublisher(publisher);
  });
  after(() => rm(bundle, { recursive: true, force: true }));

  beforeEach(async () => {
    container = await freshContainer();
    direct = await openContainer(container);
    folder = new TestFolder();
    proxy = await RequestProxy.start(container.service.endpoint);
  });
  afterEach(async () => {
    await proxy.stop();
    folder.remove();
    await container.client.delete();
  });

  const order = (path: string, wanted: Partial<Publication> = {}): Publication => ({
    path,
    prefix: 'models',
    model: 'digits',
    version: '1',
    channel: 'latest',
    properties: {},
    source: {},
    ...wanted,
  });
  /** Puts all requests of one kind through but the first few; once the server has answered those, refuses the others for good. */
  const failingAfter = (count: number, kind: RegExp): void => {
    let [begun, answered] = [0, 0];
    const ofKind = ({ method, url }: SeenRequest): boolean => kind.test(`${method} ${url}`);
    proxy.reset({
      before: async (request) => {
        if (!ofKind(request) || begun++ < count) return undefined;
        while (answered < count) await sleep(10);
        return 403;
      },
      after: (request) => void (answered += Number(ofKind(request))),
    });
  };
  const throughProxy = (): Promise<ObjectStore> => openContainer(container, { origin: proxy.origin });
  const sentBlocks = (): number => proxy.seen.filter(({ url }) => url.includes('comp=block&')).length;

  it('goes on where it stopped: blocks and files that have arrived are not sent again', async () => {
    const source = folder.write('m', { 'a.bin': noise(40 * MiB), 'b.txt': 'labels', 'c.bin': noise(9 * MiB, 2) });
    failingAfter(3, /PUT .*comp=block&/);
    await assert.rejects(publishModel(await throughProxy(), order(source), silent, NEVER), { code: 'STORE_FORBIDDEN' });
    assert.deepEqual(
      (await namesIn(container)).filter((name) => name.endsWith('.json')),
      [],
    );

    failingAfter(0, /PUT .*c\.bin.*comp=blocklist/);
    await assert.rejects(publishModel(await throughProxy(), order(source), silent, NEVER), { code: 'STORE_FORBIDDEN' });
    // Of 5 + 2 blocks, 3 were there.
    assert.equal(sentBlocks(), 4);

    proxy.reset();
    const { result, resumed, manifest } = await publishModel(await throughProxy(), order(source), silent, NEVER);
    assert.equal(result, 'published');
    // A block that was under way when the attempt ended is lost; all that had arrived is not sent again.
    assert.ok(sentBlocks() <= 1, `${sentBlocks()} blocks were sent again`);
    assert.ok(resumed >= 41 * MiB + 6, `only ${resumed} bytes were taken over`);
    if (sentBlocks() === 0) assert.equal(resumed, 49 * MiB + 6);
    const stored = await container.client
      .getBlobClient(`models/digits/versions/1/${manifest.folder}/a.bin`)
      .downloadToBuffer();
    assert.ok(stored.equals(noise(40 * MiB)));
  });

  it('takes nothing over from another content, however alike', async () => {
    const [first, second] = [noise(20 * MiB), noise(20 * MiB)];
    // A place that no sample looks at.
    second[5 * MiB] = 0xff ^ (second[5 * MiB] ?? 0);
    failingAfter(0, /PUT .*model\.json/);
    const store = await throughProxy();
    await assert.rejects(publishModel(store, order(folder.write('m', { 'a.bin': first })), silent, NEVER));
    proxy.reset();
    const { manifest } = await publishModel(store, order(folder.write('m', { 'a.bin': second })), silent, NEVER);
    const at = `models/digits/versions/1/${manifest.folder}/a.bin`;
    assert.ok((await container.client.getBlobClient(at).downloadToBuffer()).equals(second));
    assert.deepEqual(
      (await namesIn(container)).filter((name) => name.includes('/files/')),
      [at],
      'what the first attempt left is gone',
    );
  });

  it('writes over nothing that is there, and makes no version of files that are gone', async () => {
    const source = folder.write('m', { 'a.bin': 'weights', 'b.bin': 'others' });
    failingAfter(0, /PUT .*model\.json/);
    await assert.rejects(publishModel(await throughProxy(), order(source), silent, NEVER));
    const left = (await namesIn(container)).find((name) => name.endsWith('a.bin')) ?? assert.fail();
    await container.client.deleteBlob(left);
    await put(container, left, 'WEIGHTS');
    proxy.reset();
    const { manifest } = await publishModel(await throughProxy(), order(source), silent, NEVER);
    const stored = container.client.getBlobClient(`models/digits/versions/1/${manifest.folder}/a.bin`);
    assert.equal((await stored.downloadToBuffer()).toString(), 'weights');

    let removed: Promise<unknown> | undefined;
    const after = ({ method, url }: SeenRequest): void => {
      if (method === 'PUT' && url.includes('b.bin'))
        removed = container.client.deleteBlob(
          decodeURIComponent(url.split('?')[0] ?? '').split(`${container.name}/`)[1] ?? '',
        );
    };
    proxy.reset({ after });
    const disturbed = publishModel(await throughProxy(), order(source, { version: '2' }), silent, NEVER);
    await assert.rejects(disturbed, { code: 'PUBLICATION_DISTURBED', message: /"b\.bin"/ });
    await removed;
    assert.ok(!(await namesIn(container)).includes('models/digits/versions/2/model.json'));
  });

  /** Runs a publisher of its own and ends it, without a chance to tidy up, at a request. */
  const killedAt = async (task: Omit<Order, 'access'>, index: number, when: 'before' | 'after'): Promise<boolean> => {
    let [child, killed, met] = [undefined as ChildProcess | undefined, false, 0];
    const kill = ({ method }: SeenRequest): undefined => {
      // After a read, all is as it was before.
      if ((when === 'after' && method === 'GET') || met++ !== index) return;
      killed = true;
      child?.kill('SIGKILL');
    };
    proxy.reset({ [when]: kill });
    const access = { ...container.access, endpoint: `${proxy.origin}${new URL(container.access.endpoint).pathname}` };
    child = spawn(process.execPath, [publisher, JSON.stringify({ access, ...task } satisfies Order)], {
      stdio: ['ignore', 'ignore', 'inherit'],
    });
    await once(child, 'exit');
    return killed;
  };

  it('at whatever request it is killed, leaves no half version and no channel that names one', async function () {
    this.timeout(240_000);
    const content = { 'a.bin': noise(9 * MiB), 'b.txt': 'labels', 'c.txt': 'more' };
    const source = folder.write('m', content);
    const digests = new Set(Object.values(content).map((bytes) => createHash('sha256').update(bytes).digest('hex')));
    let deaths = 0;
    for (const when of ['before', 'after'] as const) {
      for (let index = 0, alive = false; !alive; index++) {
        const model = `m${when}${index}`;
        alive = !(await killedAt({ publication: order(source, { model }) }, index, when));
        deaths += Number(!alive);
        const managed: ManagedStore = { store: direct, layout: new ManagedLayout('models') };
        const whole = await wholeVersions(managed, model, digests);
        for (const { version } of await readChannels(managed, model, NEVER)) assert.ok(whole.includes(version));
        // And whoever runs it again gets it done, without leftovers.
        const again = await publishModel(direct, order(source, { model }), silent, NEVER);
        assert.deepEqual(await wholeVersions(managed, model, digests), ['1']);
        assert.equal((await readChannels(managed, model, NEVER))[0]?.version, '1');
        const files = (await namesIn(container)).filter((name) => name.startsWith(`models/${model}/versions/1/files/`));
        assert.equal(files.length, again.manifest.files.length);
      }
    }
    assert.ok(deaths > 18, `${deaths} deaths`);
  });

  it('and a prune that is killed never leaves a version in part or a channel without its version', async function () {
    this.timeout(240_000);
    const content = { 'a.bin': 'weights', 'b.txt': 'labels' };
    const source = folder.write('m', content);
    const digests = new Set(Object.values(content).map((bytes) => createHash('sha256').update(bytes).digest('hex')));
    const managed: ManagedStore = { store: direct, layout: new ManagedLayout('models') };
    let deaths = 0;
    for (let index = 0, alive = false; !alive; index++) {
      const model = `m${index}`;
      for (const version of ['1', '2', '3', '4']) {
        const channel = version === '2' ? 'production' : undefined;
        await publishModel(direct, order(source, { model, version, channel }), silent, NEVER);
      }
      const pruning = { prefix: 'models', model, keep: 1, dryRun: false, by: undefined };
      alive = !(await killedAt({ pruning }, index, 'before'));
      deaths += Number(!alive);
      const whole = await wholeVersions(managed, model, digests);
      assert.ok(whole.includes('2') && whole.includes('4'), whole.join());
      await pruneModel(direct, { ...pruning, now: new Date() }, silent, NEVER);
      assert.deepEqual(await wholeVersions(managed, model, digests), ['2', '4']);
    }
    assert.ok(deaths > 15, `${deaths} deaths`);
  });

  /** Names of versions that have a manifest; each must have all of its files. */
  async function wholeVersions(
    { store, layout }: ManagedStore,
    model: string,
    digests: ReadonlySet<string>,
  ): Promise<readonly string[]> {
    const versions: string[] = [];
    for await (const version of store.listFolders(layout.versions(model), NEVER)) {
      const found = await store.read(layout.manifest(model, version), NEVER);
      if (found === undefined) continue;
      const { files, folder: below } = readManifest(found.text, version);
      for (const { path, sha256 } of files) {
        assert.ok(digests.has(sha256));
        const bytes = await container.client.getBlobClient(layout.file(model, version, below, path)).downloadToBuffer();
        assert.equal(createHash('sha256').update(bytes).digest('hex'), sha256);
      }
      versions.push(version);
    }
    return versions;
  }
});

/** Makes one file of the publisher: many are started, and one file starts in a fraction of the time. */
async function bundlePublisher(outfile: string): Promise<void> {
  await build({
    entryPoints: [join(import.meta.dirname, '..', '..', 'support', 'publisher.ts')],
    outfile,
    bundle: true,
    platform: 'node',
    format: 'esm',
    mainFields: ['module', 'main'],
    logLevel: 'warning',
    // Packages of the older module format ask for Node.js' own modules by `require`, which this one lacks.
    banner: { js: "import { createRequire as from } from 'node:module'; const require = from(import.meta.url);" },
  });
}
