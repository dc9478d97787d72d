import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { lstatSync, mkdtempSync, readdirSync, readFileSync, readlinkSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { Index, Manifest } from '../../../lib/oci/image.ts';
import { registryBase } from '../../../lib/oci/base-source.ts';
import { parseImageName, parseRepositoryName } from '../../../lib/oci/image-name.ts';
import { identifyLayer } from '../../../lib/oci/identify-layer.ts';
import type { LayerGroup } from '../../../lib/oci/layer-group.ts';
import { type PushedImage, pushImage, type PushRequest } from '../../../lib/oci/push-image.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import type { Progress } from '../../../lib/oci/transfer-layers.ts';
import type { Entry } from '../../../lib/packing/entry.ts';
import { layerOf } from '../../../lib/packing/layer.ts';
import { planLayers } from '../../../lib/packing/layer-plan.ts';
import type { LayerFile } from '../../../lib/packing/read-layer.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { type BaseOptions, FAMILIES, PLATFORMS, pushBaseImage } from '../../support/base-images.ts';
import { ensureImageInspectors } from '../../support/image-inspectors.ts';
import { type MemoryFile, memoryFile } from '../../support/memory-file.ts';
import { RegistryFaults } from '../../support/registry-faults.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();

/** A model of one larger and two small files; every call makes other bytes. */
const someModel = (): readonly MemoryFile[] => [
  memoryFile('weights/part-1.bin', randomBytes(3_000_000)),
  memoryFile('weights/größe.bin', randomBytes(1000)),
  memoryFile('config.json', '{"layers":2}'),
];

describe('an image pushed to a registry', function () {
  this.timeout('60s');
  let host = '';
  before(async function () {
    this.timeout('10m');
    ({ host } = (await ensureServices(['registry'])).registry);
    await ensureImageInspectors();
  });
  after(() => dispatcher.destroy());

  const client = (): RegistryClient => new RegistryClient({ registry: host, dispatcher });
  const repository = (name: string): Repository =>
    new Repository(client(), { registry: host, repository: name }, 'pull,push');
  const newName = (): string => `push/${randomUUID()}`;
  const manifestOf = async <Kind>(name: string, reference: string): Promise<Kind> => {
    const stored = await repository(name).manifest(reference, NEVER);
    assert.ok(stored !== undefined, `${name} has no ${reference}`);
    return JSON.parse(stored.bytes.toString()) as Kind;
  };

  const modelGroup = (files: readonly LayerFile[], rest: Partial<LayerGroup> = {}): LayerGroup => ({
    name: 'model',
    target: '/model',
    layers: planLayers(files, '/model'),
    compression: 'none',
    local: true,
    ...rest,
  });
  const appGroup = (entries: readonly Entry<LayerFile>[]): LayerGroup => ({
    name: 'app',
    target: '/app',
    layers: [layerOf(entries)],
    compression: 'none',
    local: true,
  });
  const appFile = (path: string, content: string): Entry<LayerFile> => {
    const file = memoryFile(path, content);
    return { type: 'file', path, size: file.size, executable: path.endsWith('.sh'), file };
  };

  /** A base of its own for each test, and what pushing onto it needs. */
  async function given(options: BaseOptions = {}): Promise<PushRequest> {
    const base = newName();
    await pushBaseImage(repository(base), '1', options);
    return {
      base: registryBase(client(), parseImageName(`${host}/${base}:1`)),
      mountFrom: [],
      immutableTags: false,
      annotations: {},
      target: parseRepositoryName(`${host}/${newName()}`),
      tags: ['latest'],
      created: new Date('2026-11-24T01:02:03Z'),
      about: ({ digest }) => ({ 'org.opencontainers.image.base.digest': digest }),
      platforms: [],
      groups: [],
      settings: {},
    };
  }
  const push = (request: PushRequest): Promise<PushedImage> =>
    pushImage(request, { client: client(), onProgress: () => undefined, signal: NEVER });
  const fates = (pushed: PushedImage, group: string): string[] =>
    pushed.layers.filter((layer) => layer.group === group).map(({ fate }) => fate);

  it('tells of a layer that is compressed how much of it has been read, as that is how far it is', async () => {
    const files = Array.from({ length: 40 }, (_, index) => memoryFile(`${index}.bin`, Buffer.alloc(100_000)));
    const group = modelGroup(files, { compression: 'gzip', local: false });
    const told: Progress[] = [];
    await pushImage(
      { ...(await given()), groups: [group] },
      { client: client(), onProgress: (progress) => told.push(progress), signal: NEVER },
    );
    assert.ok(told.filter(({ done }) => done > 100_000 && done < 4_000_000).length > 30, JSON.stringify(told));
    assert.ok(told.every(({ done }, index) => done >= (told[index - 1]?.done ?? 0)));
    assert.equal(new Set(told.map(({ total }) => total)).size, 1);
    assert.equal(told.at(-1)?.done, told.at(-1)?.total);
  });

  for (const family of Object.values(FAMILIES)) {
    it(`is taken by skopeo and umoci and unpacks to what went in (${family.name})`, async () => {
      const model = someModel();
      const request = await given({ family });
      await push({
        ...request,
        groups: [
          modelGroup(model),
          appGroup([
            appFile('app/main.py', 'print(1)\n'),
            appFile('app/run.sh', '#!/bin/sh\n'),
            appFile(`app/${'deep-folder/'.repeat(20)}leaf.txt`, 'leaf'),
            { type: 'symlink', path: 'app/current', linkTarget: 'main.py' },
            { type: 'folder', path: 'app/empty' },
          ]),
        ],
        settings: { entrypoint: ['/app/run.sh'], user: '1000', env: { PORT: '8080' } },
      });
      const folder = mkdtempSync(join(tmpdir(), 'push-image-'));
      try {
        const source = `docker://${host}/${request.target.repository}:latest`;
        execFileSync('skopeo', ['copy', '-q', '--src-tls-verify=false', source, `oci:${folder}/layout:latest`]);
        execFileSync('umoci', ['unpack', '--image', `${folder}/layout:latest`, `${folder}/bundle`], {
          stdio: 'ignore',
        });
        const root = join(folder, 'bundle', 'rootfs');
        for (const file of model) {
          assert.deepEqual(readFileSync(join(root, 'model', file.path)), await contentOf(file), file.path);
        }
        assert.equal(readFileSync(join(root, 'app', 'deep-folder/'.repeat(20), 'leaf.txt'), 'utf8'), 'leaf');
        assert.equal(readlinkSync(join(root, 'app/current')), 'main.py');
        assert.deepEqual(readdirSync(join(root, 'app/empty')), []);
        assert.equal(lstatSync(join(root, 'app/run.sh')).mode & 0o777, 0o755);
        assert.match(readFileSync(join(root, 'etc/os-release'), 'utf8'), /ID=test/);
        const config = JSON.parse(
          execFileSync('skopeo', ['inspect', '--config', '--tls-verify=false', source], { encoding: 'utf8' }),
        ) as { created: string; config: unknown };
        assert.equal(config.created, '2026-11-24T01:02:03Z');
        assert.deepEqual(config.config, {
          Entrypoint: ['/app/run.sh'],
          User: '1000',
          Env: ['PORT=8080'],
          Labels: {
            'org.opencontainers.image.base.digest': (await request.base.top(NEVER))?.digest,
          },
        });
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });

    it(`is of one media family throughout (${family.name})`, async () => {
      const request = await given({ family, platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] });
      await push({ ...request, groups: [modelGroup(someModel())] });
      const index = await manifestOf<Index>(request.target.repository, 'latest');
      assert.equal(index.mediaType, family.index);
      for (const entry of index.manifests) {
        const manifest = await manifestOf<Manifest>(request.target.repository, entry.digest);
        const types = new Set([
          entry.mediaType,
          manifest.mediaType,
          manifest.config.mediaType,
          ...manifest.layers.map(({ mediaType }) => mediaType),
        ]);
        assert.deepEqual([...types].sort(), [family.manifest, family.config, family.layers.none].sort());
      }
    });
  }

  it('keeps all platforms of its base, with the same model layers, and leaves attestations behind', async () => {
    const request = await given({ platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] });
    await push({ ...request, groups: [modelGroup(someModel())] });
    const index = await manifestOf<Index>(request.target.repository, 'latest');
    assert.deepEqual(
      index.manifests.map(({ platform }) => platform),
      [PLATFORMS.AMD64, PLATFORMS.ARM64],
    );
    const manifests = await Promise.all(
      index.manifests.map(({ digest }) => manifestOf<Manifest>(request.target.repository, digest)),
    );
    const [first, second] = manifests.map(({ layers }) => layers.map(({ digest }) => digest));
    assert.notEqual(first?.[0], second?.[0]);
    assert.deepEqual(first?.slice(1), second?.slice(1));
  });

  it('is the same, byte for byte, in another repository', async () => {
    const request = await given();
    const groups = [modelGroup(someModel())];
    const one = await push({ ...request, groups });
    const other = await push({ ...request, groups, target: parseRepositoryName(`${host}/${newName()}`) });
    assert.equal(one.digest, other.digest);
  });

  it('pushed again changes nothing and sends nothing', async () => {
    const request = { ...(await given()), groups: [modelGroup(someModel())] };
    assert.equal((await push(request)).changed, true);
    const again = await push(request);
    assert.equal(again.changed, false);
    assert.equal(again.bytesSent, 0);
  });

  it('shares the base with its repository by mounting, not by sending', async () => {
    const pushed = await push({ ...(await given()), groups: [modelGroup(someModel())] });
    assert.deepEqual(fates(pushed, 'base'), ['mounted']);
    assert.deepEqual(fates(pushed, 'model'), ['sent']);
  });

  it('with another app sends only the app', async () => {
    const request = await given();
    const model = modelGroup(someModel());
    await push({ ...request, groups: [model, appGroup([appFile('app/main.py', 'print(1)')])] });
    const next = await push({ ...request, groups: [model, appGroup([appFile('app/main.py', 'print(2)')])] });
    assert.deepEqual(
      [fates(next, 'base'), fates(next, 'model'), fates(next, 'app')],
      [['reused'], ['reused'], ['sent']],
    );
    assert.equal(next.bytesSent, layerOf([appFile('app/main.py', 'print(2)')]).size);
  });

  it('whose model layers are known beforehand opens no file of a model that the registry has', async () => {
    const request = await given();
    const files = someModel();
    const first = await push({ ...request, groups: [modelGroup(files)] });
    const known = first.layers.filter(({ group }) => group === 'model');
    const unread = files.map(({ path, size }) => ({ path, size, open: unreadable }));
    const again = await push({ ...request, tags: ['next'], groups: [modelGroup(unread, { known, local: false })] });
    assert.equal(again.digest, first.digest);
    assert.equal(again.bytesSent, 0);
  });

  it('of a model without known layers finds them by the labels of the previous image', async () => {
    const request = await given();
    const files = someModel();
    const content = { labels: { 'model.digest': 'abc' }, layersLabel: 'model.layers' };
    await push({ ...request, groups: [modelGroup(files, { local: false, content })] });
    const unread = files.map(({ path, size }) => ({ path, size, open: unreadable }));
    const settings = { env: { NEW: '1' } };
    const next = await push({ ...request, settings, groups: [modelGroup(unread, { local: false, content })] });
    assert.deepEqual([next.changed, next.bytesSent], [true, 0]);
    const other = { ...content, labels: { 'model.digest': 'other' } };
    await assert.rejects(
      push({ ...request, groups: [modelGroup(unread, { local: false, content: other })] }),
      /unreadable/,
    );
  });

  it('is refused, its tag untouched, when the bytes are not those of the known digest', async () => {
    const request = await given();
    const before = await push({ ...request, groups: [modelGroup(someModel())] });
    const known = [{ digest: `sha256:${'0'.repeat(64)}`, size: planLayers(someModel(), '/model')[0]?.size ?? 0 }];
    const groups = [modelGroup(someModel(), { known, local: false })];
    await assert.rejects(push({ ...request, groups }), { code: 'LAYER_DIGEST_MISMATCH' });
    assert.equal(await repository(request.target.repository).digestOfTag('latest', NEVER), before.digest);
  });

  for (const compression of ['gzip', 'zstd'] as const) {
    it(`with ${compression} layers unpacks to what went in, and is the same wherever it is pushed`, async () => {
      const request = await given();
      const model = someModel();
      const groups = [modelGroup(model, { compression, local: false })];
      const one = await push({ ...request, groups });
      const other = await push({ ...request, groups, target: parseRepositoryName(`${host}/${newName()}`) });
      assert.equal(one.digest, other.digest);
      const [layer] = one.layers.filter(({ group }) => group === 'model');
      assert.ok(layer !== undefined && layer.digest !== layer.diffId && layer.fate === 'sent');
      assert.equal(layer.diffId, (await identifyLayer(planLayers(model, '/model')[0] ?? never(), NEVER)).digest);
      const folder = mkdtempSync(join(tmpdir(), 'push-image-'));
      try {
        const source = `docker://${host}/${request.target.repository}:latest`;
        execFileSync('skopeo', ['copy', '-q', '--src-tls-verify=false', source, `oci:${folder}/layout:latest`]);
        if (compression === 'zstd') return; // umoci of Debian cannot unpack it; the Docker engine and containerd can
        execFileSync('umoci', ['unpack', '--image', `${folder}/layout:latest`, `${folder}/bundle`]);
        for (const file of model) {
          const unpacked = readFileSync(join(folder, 'bundle', 'rootfs', 'model', file.path));
          assert.deepEqual(unpacked, await contentOf(file), file.path);
        }
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    });
  }

  it('knows a compressed layer again by the image before, and does not read it', async () => {
    const request = await given();
    const files = someModel();
    const first = await push({ ...request, groups: [modelGroup(files, { compression: 'gzip' })] });
    const known = first.layers.flatMap(({ group, diffId }) => {
      const size = planLayers(files, '/model')[0]?.size ?? 0;
      return group === 'model' ? [{ digest: diffId, size }] : [];
    });
    const unread = files.map(({ path, size }) => ({ path, size, open: unreadable }));
    const again = modelGroup(unread, { known, local: false, compression: 'gzip' });
    const next = await push({ ...request, tags: ['another'], groups: [again] });
    assert.deepEqual([next.digest, next.bytesSent], [first.digest, 0]);
    // Another compression is another layer.
    await assert.rejects(push({ ...request, groups: [{ ...again, compression: 'zstd' }] }), /unreadable/);
  });

  it('compresses a small app before asking, so that nothing is sent twice', async () => {
    const request = await given();
    const app = { ...appGroup([appFile('app/main.py', 'print(1)\n'.repeat(10_000))]), compression: 'gzip' } as const;
    const first = await push({ ...request, groups: [app] });
    assert.ok(first.bytesSent < 1_000, String(first.bytesSent));
    // Nothing tells of it any more but the digest.
    await push({ ...request, groups: [modelGroup(someModel())] });
    const next = await push({ ...request, settings: { env: { NEW: '1' } }, groups: [app] });
    assert.deepEqual(fates(next, 'app'), ['reused']);
  });

  it('takes layers over from other repositories that are named, known or found by labels', async () => {
    const elsewhere = await given();
    const files = someModel();
    const content = { labels: { 'model.digest': randomUUID() }, layersLabel: 'model.layers' };
    const there = await push({ ...elsewhere, groups: [modelGroup(files, { content })] });
    const known = there.layers.filter(({ group }) => group === 'model');
    const unread = files.map(({ path, size }) => ({ path, size, open: unreadable }));
    for (const rest of [{ known }, { content }]) {
      const request = { ...elsewhere, target: parseRepositoryName(`${host}/${newName()}`) };
      const groups = [modelGroup(unread, { ...rest, local: false })];
      const mountFrom = ['no/such/repository', elsewhere.target.repository];
      const pushed = await push({ ...request, mountFrom, groups });
      assert.deepEqual([fates(pushed, 'model'), pushed.bytesSent], [['mounted'], 0]);
    }
  });

  it('finds the image before by its tags where the tag is a new one each time', async () => {
    const request = await given();
    const files = someModel();
    const content = { labels: { 'model.digest': 'abc' }, layersLabel: 'model.layers' };
    await push({ ...request, tags: ['9'], groups: [modelGroup(someModel())] });
    await push({ ...request, tags: ['10'], groups: [modelGroup(files, { local: false, content })] });
    const unread = files.map(({ path, size }) => ({ path, size, open: unreadable }));
    const next = await push({ ...request, tags: ['11'], groups: [modelGroup(unread, { local: false, content })] });
    assert.equal(next.bytesSent, 0);
  });

  it('refuses zstd on a base in Docker format before anything is sent', async () => {
    const request = await given({ family: FAMILIES.DOCKER });
    const unread = someModel().map(({ path, size }) => ({ path, size, open: unreadable }));
    const groups = [modelGroup(unread, { local: false, compression: 'zstd' })];
    await assert.rejects(push({ ...request, groups }), { code: 'COMPRESSION_UNSUPPORTED', message: /Docker format/ });
  });

  it('moves several tags', async () => {
    const request = { ...(await given()), tags: ['1.0', 'latest', 'sha-abc'], groups: [modelGroup(someModel())] };
    const { digest } = await push(request);
    for (const tag of request.tags) {
      assert.equal(await repository(request.target.repository).digestOfTag(tag, NEVER), digest);
    }
  });

  it('says which of its tags have moved when the registry refuses one, and leaves that and those after it', async () => {
    const request = { ...(await given()), groups: [modelGroup(someModel())], tags: ['1.0', '1', 'stable', 'latest'] };
    const faults = await RegistryFaults.start(host);
    try {
      faults.plan = ({ method, path }) =>
        method === 'PUT' && path.endsWith('/manifests/stable') ? { answer: 409 } : undefined;
      const target = { ...request.target, registry: faults.host };
      const client = new RegistryClient({ registry: faults.host, dispatcher });
      await assert.rejects(pushImage({ ...request, target }, { client, onProgress: () => undefined, signal: NEVER }), {
        code: 'TAG_REFUSED',
        message: /tag stable of .* Moved before that: 1\.0, 1\.$/,
      });
      const now = request.tags.map((tag) => repository(request.target.repository).digestOfTag(tag, NEVER));
      const [first, second, ...rest] = await Promise.all(now);
      assert.ok(first !== undefined && first === second);
      assert.deepEqual(rest, [undefined, undefined]);
    } finally {
      await faults.stop();
    }
  });

  it('says which of its tags have moved also where it is stopped before it has read the last one back', async () => {
    const request = { ...(await given()), tags: ['1.0', 'latest'], groups: [modelGroup(someModel())] };
    const faults = await RegistryFaults.start(host);
    const stop = new AbortController();
    let isMoved = false;
    try {
      faults.before = ({ method, path }) => {
        const isTag = path.endsWith('/manifests/1.0');
        if (isTag && isMoved) stop.abort(new DeliveryError('CANCELLED', { message: 'Cancelled.', remedy: '' }));
        isMoved ||= isTag && method === 'PUT';
        return Promise.resolve();
      };
      const target = { ...request.target, registry: faults.host };
      const context = {
        client: new RegistryClient({ registry: faults.host, dispatcher }),
        onProgress: () => undefined,
      };
      const pushing = pushImage({ ...request, target }, { ...context, signal: stop.signal });
      await assert.rejects(pushing, { code: 'CANCELLED', message: 'Cancelled. Moved before that: 1.0.' });
      assert.equal(await repository(request.target.repository).digestOfTag('latest', NEVER), undefined);
    } finally {
      await faults.stop();
    }
  });

  it('is sent afresh where the registry says it has a layer and then refuses the manifest for it', async () => {
    const request = await given();
    const faults = await RegistryFaults.start(host);
    try {
      // As a cache that outlived a clean-up: every blob is said to be there.
      faults.plan = ({ method, path }) => (method === 'HEAD' && path.includes('/blobs/') ? { answer: 200 } : undefined);
      const behind = new RegistryClient({ registry: faults.host, dispatcher });
      const target = { ...request.target, registry: faults.host };
      const groups = [modelGroup(someModel())];
      const pushed = await pushImage(
        { ...request, target, groups },
        { client: behind, onProgress: () => undefined, signal: NEVER },
      );
      assert.deepEqual([fates(pushed, 'base'), fates(pushed, 'model')], [['sent'], ['sent']]);
      assert.equal(await repository(request.target.repository).digestOfTag('latest', NEVER), pushed.digest);
    } finally {
      await faults.stop();
    }
  });

  it('never moves a tag where tags are immutable, and sends nothing for what it may not tag', async () => {
    const request = { ...(await given()), immutableTags: true };
    const groups = [modelGroup(someModel())];
    const first = await push({ ...request, groups });
    assert.equal((await push({ ...request, groups })).changed, false);
    assert.equal((await push({ ...request, tags: ['latest', 'next'], groups })).digest, first.digest);
    const unread = someModel().map(({ path, size }) => ({ path, size, open: unreadable }));
    const known = [{ digest: `sha256:${'1'.repeat(64)}`, size: planLayers(unread, '/model')[0]?.size ?? 0 }];
    const other = push({ ...request, groups: [modelGroup(unread, { known, local: false })] });
    await assert.rejects(other, { code: 'TAG_EXISTS', message: new RegExp(first.digest) });
    // Nobody knows the digest of what streams before it has been sent.
    const streamed = push({ ...request, tags: ['new', 'latest'], groups: [modelGroup(someModel(), { local: false })] });
    await assert.rejects(streamed, { code: 'TAG_EXISTS' });
    const { repository: name } = request.target;
    assert.equal(await repository(name).digestOfTag('latest', NEVER), first.digest);
    assert.equal(await repository(name).digestOfTag('new', NEVER), undefined);
  });

  it('whose tag two runs move at once ends with the tag at its image, or says that it does not', async () => {
    const request = await given();
    const runs = await Promise.allSettled(
      Array.from({ length: 6 }, () => push({ ...request, groups: [modelGroup(someModel())] })),
    );
    const digests = runs.flatMap((run) => (run.status === 'fulfilled' ? [run.value.digest] : []));
    const errors = runs.flatMap((run) => (run.status === 'rejected' ? [run.reason as { code?: string }] : []));
    assert.ok(
      errors.every(({ code }) => code === 'TAG_MOVED'),
      JSON.stringify(errors),
    );
    const now = (await repository(request.target.repository).digestOfTag('latest', NEVER)) ?? '';
    assert.ok(digests.includes(now), 'the last to move it says so');
    await manifestOf<Manifest>(request.target.repository, now);
  });

  it('of a base whose OCI index holds images in the format of Docker holds such images, too', async () => {
    const request = await given({ family: FAMILIES.DOCKER, platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] });
    const base = request.base.repository?.repository ?? '';
    const { manifests } = await manifestOf<Index>(base, '1');
    const { index: mediaType } = FAMILIES.OCI;
    const bytes = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType, manifests }));
    await repository(base).putManifest('1', { mediaType, bytes }, NEVER);
    await push({ ...request, groups: [modelGroup(someModel())] });
    const { repository: target } = request.target;
    const index = await manifestOf<Index>(target, 'latest');
    assert.equal(index.mediaType, mediaType);
    const { manifest, config, layers } = FAMILIES.DOCKER;
    for (const entry of index.manifests) {
      const made = await manifestOf<Manifest>(target, entry.digest);
      const types = [entry, made, made.config, ...made.layers].map((each) => each.mediaType);
      assert.deepEqual(types, [manifest, manifest, config, layers.none, layers.none]);
    }
    await assert.rejects(push({ ...request, annotations: { a: 'b' } }), { code: 'ANNOTATIONS_UNSUPPORTED' });
  });

  it('carries annotations and a health check, and refuses annotations that its format cannot hold', async () => {
    const annotations = { 'com.example.owner': 'ml' };
    const settings = { stopSignal: 'SIGINT', healthCheck: { Test: ['NONE'] } };
    const request = { ...(await given()), annotations, settings, groups: [modelGroup(someModel())] };
    await push(request);
    const manifest = await manifestOf<Manifest>(request.target.repository, 'latest');
    assert.equal(manifest.annotations?.['com.example.owner'], 'ml');
    const bytes = await repository(request.target.repository).document(manifest.config.digest, NEVER);
    const { config } = JSON.parse(bytes.toString()) as { config: Record<string, unknown> };
    assert.deepEqual([config.StopSignal, config.Healthcheck], ['SIGINT', { Test: ['NONE'] }]);
    const docker = await given({ family: FAMILIES.DOCKER });
    await assert.rejects(push({ ...docker, annotations }), {
      code: 'ANNOTATIONS_UNSUPPORTED',
      message: /Docker format/,
    });
  });

  it('keeps what it does not know of its base', async () => {
    const config = { 'os.features': ['win32k'], config: { StopSignal: 'SIGQUIT', Cmd: ['base'], Env: ['A=1', 'B=2'] } };
    const request = await given({ config });
    const settings = { env: { B: '3' }, entrypoint: ['run'] };
    await push({ ...request, settings, groups: [modelGroup(someModel())] });
    const manifest = await manifestOf<Manifest>(request.target.repository, 'latest');
    const bytes = await repository(request.target.repository).document(manifest.config.digest, NEVER);
    const made = JSON.parse(bytes.toString()) as { config: Record<string, unknown>; history: unknown[] };
    assert.deepEqual((made as Record<string, unknown>)['os.features'], ['win32k']);
    assert.equal(made.config.StopSignal, 'SIGQUIT');
    assert.deepEqual(made.config.Env, ['A=1', 'B=3']);
    assert.equal(made.config.Cmd, null);
    assert.equal(made.history.length, 2);
  });

  it('needs a base that exists, for platforms that it has', async () => {
    const request = await given({ platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] });
    const missing = { ...request, base: registryBase(client(), parseImageName(`${host}/push/nowhere:1`)) };
    await assert.rejects(push(missing), { code: 'IMAGE_NOT_FOUND', message: /push\/nowhere:1/ });
    await assert.rejects(push({ ...request, platforms: ['linux/s390x'] }), {
      code: 'PLATFORM_NOT_FOUND',
      remedy: /linux\/amd64, linux\/arm64\/v8/,
    });
  });

  it('for one chosen platform leaves the others out', async () => {
    const request = await given({ platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] });
    await push({ ...request, platforms: ['linux/arm64'], groups: [modelGroup(someModel())] });
    const index = await manifestOf<Index>(request.target.repository, 'latest');
    assert.deepEqual(
      index.manifests.map(({ platform }) => platform),
      [PLATFORMS.ARM64],
    );
  });
});

function never(): never {
  throw new Error('there is a layer');
}

function unreadable(): never {
  throw new Error('unreadable');
}

async function contentOf(file: LayerFile): Promise<Buffer> {
  return buffer(await file.open(0, NEVER));
}
