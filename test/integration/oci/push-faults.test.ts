import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { Readable } from 'node:stream';
import { setTimeout as sleep } from 'node:timers/promises';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { Manifest } from '../../../lib/oci/image.ts';
import { pushImage, type PushRequest } from '../../../lib/oci/push-image.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { pushBaseImage } from '../../support/base-images.ts';
import { FaultProxy } from '../../support/fault-proxy.ts';
import { memoryFile } from '../../support/memory-file.ts';
import { groupOf, newModel, PushBench } from '../../support/push-bench.ts';
import { RegistryFaults } from '../../support/registry-faults.ts';
import { RestartableRegistry } from '../../support/restartable-registry.ts';
import { waitsOf } from '../../support/skipped-waits.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();

describe('a push', function () {
  this.timeout('120s');
  let bench: PushBench;
  let faults: RegistryFaults;
  before(async () => {
    const { registry } = await ensureServices(['registry']);
    bench = new PushBench(registry.host, dispatcher);
  });
  beforeEach(async () => {
    faults = await RegistryFaults.start(bench.host);
  });
  afterEach(() => faults.stop());
  after(() => dispatcher.destroy());

  /** A request whose tag points at an image already, and the next image for it. */
  async function nextImage(): Promise<{ readonly request: PushRequest; readonly before: string }> {
    const request = await bench.request();
    const { digest } = await bench.push({ ...request, groups: [newModel(1000)] });
    return { request: { ...request, groups: [newModel()] }, before: digest };
  }

  it('that is stopped at any of its requests leaves the tag at the old image or the whole new one', async () => {
    for (let last = 0; ; last += 1) {
      const { request, before } = await nextImage();
      const stop = new AbortController();
      const seen = faults.seen.length;
      // The request still reaches the registry, as the last one of a process that is killed would.
      faults.before = () => {
        if (faults.seen.length - seen > last) stop.abort(new Error('stopped'));
        return Promise.resolve();
      };
      const outcome = await bench.push(request, faults.host, stop.signal).catch(() => undefined);
      await sleep(20);
      const now = (await bench.tagOf(request)) ?? '';
      await bench.complete(request, now);
      if (outcome === undefined) continue;
      assert.equal(now, outcome.digest);
      assert.notEqual(now, before);
      assert.ok(last > 8, `only ${last} requests were seen`);
      break;
    }
  });

  it('whose connection breaks once, at any of its requests, completes', async () => {
    let requests = Infinity;
    for (let broken = 0; broken < requests; broken += 1) {
      const { request } = await nextImage();
      const seen = faults.seen.length;
      // What the client says first is not said again: without an answer nobody is there.
      faults.plan = ({ path }) =>
        path !== '/v2/' && faults.seen.length - seen === broken + 1 ? { loseAnswer: true } : undefined;
      const { digest } = await bench.push(request, faults.host);
      requests = Math.min(requests, faults.seen.length - seen);
      assert.equal(await bench.tagOf(request), digest, `request ${broken}`);
      await bench.complete(request, digest);
    }
  });

  it('outlives a registry that is killed in the middle and comes back', async () => {
    const registry = await RestartableRegistry.start();
    try {
      const local = new PushBench(registry.host, dispatcher);
      const request = await local.request();
      let restarted: Promise<void> | undefined;
      const slow = {
        path: 'weights.bin',
        size: 4_000_000,
        open: (offset: number) => Promise.resolve(Readable.from(slowly(offset))),
      };
      const content = randomBytes(slow.size);
      async function* slowly(offset: number): AsyncGenerator<Buffer> {
        for (let at = offset; at < slow.size; at += 100_000) {
          await sleep(2);
          if (at > 2_000_000)
            restarted ??= registry
              .kill()
              .then(() => sleep(300))
              .then(() => registry.begin());
          yield content.subarray(at, at + 100_000);
        }
      }
      const pushed = await local.push({ ...request, groups: [groupOf([slow], { local: false })] });
      assert.ok(restarted !== undefined);
      await local.complete(request, pushed.digest);
    } finally {
      await registry.stop();
    }
  });

  for (const [what, method] of [
    ['a piece', 'PATCH'],
    ['the end of an upload', 'PUT'],
  ]) {
    it(`waits as long as a registry that is busy asks at ${what ?? ''}`, async () => {
      const { request } = await nextImage();
      const asked = ['7', '9'];
      faults.plan = (seen) => {
        const isUpload = seen.method === method && seen.path.includes('/blobs/uploads/');
        const wait = isUpload ? asked.shift() : undefined;
        return wait === undefined ? undefined : { answer: 429, headers: { 'retry-after': wait } };
      };
      const waits = await waitsOf(async () => {
        const { digest } = await bench.push(request, faults.host);
        await bench.complete(request, digest);
      });
      assert.deepEqual(waits.toSorted(), [7_000, 9_000]);
    });
  }

  it('waits as long as the busy registry of its base asks, if that is no more than a minute', async () => {
    const base = `push/${randomUUID()}`;
    // A base of its own: a layer that the repository has would not be read.
    await pushBaseImage(bench.repository(base), '1', { platforms: [{ os: 'linux', architecture: randomUUID() }] });
    const stored = await bench.repository(base).manifest('1', NEVER);
    const { layers } = JSON.parse(stored?.bytes.toString() ?? '') as Manifest;
    const layer = `/blobs/${layers[0]?.digest ?? ''}`;
    const asked = ['7', '3600'];
    faults.plan = ({ method, path }) => {
      const wait = method === 'GET' && path.endsWith(layer) ? asked.shift() : undefined;
      return wait === undefined ? undefined : { answer: 429, headers: { 'retry-after': wait } };
    };
    const request = { ...(await bench.request()), base: bench.base(`${base}:1`, faults.host), groups: [newModel()] };
    assert.deepEqual(await waitsOf(() => bench.push(request)), [7_000, 60_000]);
    assert.notEqual(await bench.tagOf(request), undefined);
  });

  it('onto a base whose tag moves meanwhile is of one of the two bases throughout', async () => {
    const base = `push/${randomUUID()}`;
    const first = await pushBaseImage(bench.repository(base), '1');
    const request = { ...(await bench.request()), base: bench.base(`${base}:1`, faults.host), groups: [newModel()] };
    let moved: Promise<string> | undefined;
    faults.before = async ({ method, path }) => {
      if (method !== 'GET' || !path.includes(`${base}/blobs/`)) return;
      await (moved ??= pushBaseImage(bench.repository(base), '1', { config: { config: { Env: ['MOVED=1'] } } }));
    };
    const { digest, base: used } = await bench.push(request);
    assert.notEqual(await moved, first);
    assert.equal(used.digest, first);
    const { config } = await bench.complete(request, digest);
    const text = (await bench.repository(request.target.repository).document(config.digest, NEVER)).toString();
    assert.doesNotMatch(text, /MOVED/);
    assert.ok(text.includes(first));
  });

  it('onto a base whose layer is not what its manifest says is refused, and the tag stays', async () => {
    const codes = ['LAYER_DIGEST_MISMATCH'];
    for (const body of ['other bytes', '', 'x'.repeat(100_000)]) {
      const { request, before } = await nextImage();
      const base = `push/${randomUUID()}`;
      // A base of its own: a layer that the repository has would not be read.
      await pushBaseImage(bench.repository(base), '1', { platforms: [{ os: 'linux', architecture: randomUUID() }] });
      const stored = await bench.repository(base).manifest('1', NEVER);
      const { layers } = JSON.parse(stored?.bytes.toString() ?? '') as Manifest;
      const layer = `/blobs/${layers[0]?.digest ?? ''}`;
      faults.plan = ({ method, path }) =>
        method === 'GET' && path.endsWith(layer) ? { answer: 200, body } : undefined;
      const lying = bench.push({ ...request, base: bench.base(`${base}:1`, faults.host) });
      await assert.rejects(lying, ({ code }: { code: string }) => codes.includes(code));
      assert.equal(await bench.tagOf(request), before);
    }
  });

  it('onto a base whose layer has another size than its manifest says is refused, though nobody reads the layer', async () => {
    const { request, before } = await nextImage();
    const base = `push/${randomUUID()}`;
    await pushBaseImage(bench.repository(base), '1');
    const stored = await bench.repository(base).manifest('1', NEVER);
    assert.ok(stored !== undefined);
    const { layers, ...manifest } = JSON.parse(stored.bytes.toString()) as Manifest;
    const body = JSON.stringify({ ...manifest, layers: layers.map((layer) => ({ ...layer, size: layer.size + 1 })) });
    faults.plan = ({ path }) => (path.endsWith(`${base}/manifests/1`) ? { answer: 200, body } : undefined);
    const lying = bench.push({ ...request, base: bench.base(`${base}:1`, faults.host) });
    await assert.rejects(lying, { code: 'LAYER_DIGEST_MISMATCH', message: /the manifest that names it says/ });
    assert.equal(await bench.tagOf(request), before);
  });

  it('onto a base whose manifest is not that of its digest is refused', async () => {
    const base = `push/${randomUUID()}`;
    const digest = await pushBaseImage(bench.repository(base), '1');
    const request = { ...(await bench.request()), base: bench.base(`${base}@${digest}`, faults.host) };
    const body = '{"schemaVersion":2}';
    faults.plan = ({ path }) => (path.includes(`${base}/manifests/`) ? { answer: 200, body } : undefined);
    await assert.rejects(bench.push({ ...request, groups: [newModel()] }), { code: 'MANIFEST_DIGEST_MISMATCH' });
  });

  for (const [what, change, message] of [
    [
      'an artifact',
      { config: { mediaType: 'application/vnd.oci.empty.v1+json' } },
      /artifact of the type application\/vnd\.oci\.empty/,
    ],
    ['a manifest of schema 1', { schemaVersion: 1, name: 'x', tag: '1', fsLayers: [], history: [] }, /cannot be built/],
  ] as const) {
    it(`onto ${what} is refused, and says what it is`, async () => {
      const base = `push/${randomUUID()}`;
      await pushBaseImage(bench.repository(base), '1');
      const stored = await bench.repository(base).manifest('1', NEVER);
      assert.ok(stored !== undefined);
      const { config, ...manifest } = JSON.parse(stored.bytes.toString()) as Manifest;
      const old = 'schemaVersion' in change;
      const other = old ? change : { ...manifest, config: { ...config, ...change.config } };
      const body = JSON.stringify(other);
      const type = old ? 'application/vnd.docker.distribution.manifest.v1+prettyjws' : stored.mediaType;
      faults.plan = ({ path }) =>
        path.includes(`${base}/manifests/`) ? { answer: 200, body, headers: { 'content-type': type } } : undefined;
      const request = { ...(await bench.request()), base: bench.base(`${base}:1`, faults.host) };
      await assert.rejects(bench.push({ ...request, groups: [newModel()] }), {
        code: 'BASE_IMAGE_UNSUPPORTED',
        message,
      });
    });
  }

  for (const status of [202, 401, 403, 404, 405, 500]) {
    it(`sends what the registry does not mount (${status})`, async () => {
      const model = newModel();
      const holder = await bench.request();
      await bench.push({ ...holder, groups: [model] });
      const request = await bench.request();
      faults.plan = ({ method, path }) => {
        if (method !== 'POST' || !path.includes('mount=')) return undefined;
        // What the specification has for it is an upload like any other; some registries refuse.
        return status === 202 ? { as: path.replace(/\?.*/, '') } : { answer: status };
      };
      const mounting = { ...request, groups: [model], mountFrom: [holder.target.repository] };
      await waitsOf(async () => {
        const pushed = await bench.push(mounting, faults.host);
        assert.deepEqual([...new Set(pushed.layers.map(({ fate }) => fate))], ['sent']);
        await bench.complete(request, pushed.digest);
      });
    });
  }

  it('takes a layer over from a registry that is too busy for that at first', async () => {
    const model = newModel();
    const holder = await bench.request();
    await bench.push({ ...holder, groups: [model] });
    const request = { ...(await bench.request()), groups: [model], mountFrom: [holder.target.repository] };
    const answers = [429, 500, 502, 503];
    faults.plan = ({ method, path }) => {
      const answer = method === 'POST' && path.includes('from=') ? answers.shift() : undefined;
      return answer === undefined ? undefined : { answer, headers: { 'retry-after': '7' } };
    };
    let fates: readonly string[] = [];
    const waits = await waitsOf(async () => {
      const { layers } = await bench.push(request, faults.host);
      fates = layers.flatMap(({ group, fate }) => (group === 'model' ? [fate] : []));
    });
    assert.deepEqual([fates, waits], [['mounted'], [7_000, 7_000, 7_000, 7_000]]);
  });

  for (const [answer, code] of [
    [404, undefined],
    [500, undefined],
    [200, undefined],
    [401, 'REGISTRY_UNAUTHORIZED'],
    [403, 'REGISTRY_FORBIDDEN'],
  ] as const) {
    const outcome = code === undefined ? 'replaces the image that it cannot read' : 'ends';
    it(`that looks for its model in an image whose configuration is answered by ${answer} ${outcome}`, async () => {
      const content = { labels: { 'model.digest': 'abc' }, layersLabel: 'model.layers' };
      const model = groupOf([memoryFile('weights.bin', randomBytes(1000))], { local: false, content });
      const request = { ...(await bench.request()), groups: [model] };
      const before = await bench.push(request);
      const { config } = await bench.complete(request, before.digest);
      faults.plan = ({ method, path }) =>
        method === 'GET' && path.endsWith(config.digest) ? { answer, body: 'not it' } : undefined;
      await waitsOf(async () => {
        const pushing = bench.push({ ...request, settings: { env: { NEW: '1' } } }, faults.host);
        if (code !== undefined) return assert.rejects(pushing, { code });
        const { digest, layers } = await pushing;
        assert.deepEqual([await bench.tagOf(request), layers.at(-1)?.fate], [digest, 'sent']);
      });
    });
  }

  it('whose upload is sent on to another host carries no credentials there, and goes nowhere where nobody may be asked', async () => {
    const request = { ...(await bench.request()), groups: [newModel()] };
    const before = faults.seen.length;
    faults.plan = ({ method, path }) =>
      method === 'POST' && path.includes('/uploads/')
        ? { answer: 202, headers: { location: 'http://169.254.169.254/latest/meta-data/' } }
        : undefined;
    const login = { kind: 'password', username: 'user', password: 'secret', from: 'a test' } as const;
    const client = new RegistryClient({ registry: faults.host, login, dispatcher });
    const target = { ...request.target, registry: faults.host };
    const pushing = pushImage({ ...request, target }, { client, onProgress: () => undefined, signal: NEVER });
    await assert.rejects(pushing, { code: 'REGISTRY_REDIRECT_UNSAFE', message: /169\.254/ });
    assert.ok(!faults.seen.slice(before).some(({ method }) => method === 'PATCH'));

    // Another host of the same kind may take the bytes, and learns nothing about who sends them.
    const storage = await RegistryFaults.start(bench.host);
    try {
      faults.plan = ({ method, path }) =>
        method === 'POST' && path.includes('/uploads/')
          ? { answer: 202, headers: { location: `http://${storage.host}/upload` } }
          : undefined;
      storage.plan = () => ({ answer: 403 });
      await assert.rejects(pushImage({ ...request, target }, { client, onProgress: () => undefined, signal: NEVER }));
      assert.ok(storage.seen.length > 0);
      assert.ok(storage.seen.every(({ authorization }) => authorization === undefined));
    } finally {
      await storage.stop();
    }
  });

  it('into a registry of which no more than a trickle arrives ends within its limit', async () => {
    const proxy = await FaultProxy.start(`http://${bench.host}`, () => ({ stallAfter: 0 }));
    try {
      const request = { ...(await bench.request()), groups: [newModel()] };
      const pushing = bench.push(request, new URL(proxy.origin).host, AbortSignal.timeout(500));
      await assert.rejects(pushing, { name: 'TimeoutError' });
    } finally {
      await proxy.stop();
    }
  });

  it('finds its way among more than a thousand tags', async () => {
    const { request } = await nextImage();
    const repository = bench.repository(request.target.repository);
    const stored = await repository.manifest('latest', NEVER);
    assert.ok(stored !== undefined);
    const tags = Array.from({ length: 1100 }, (_, run) => `1.0.${run}`);
    for (let at = 0; at < tags.length; at += 20) {
      await Promise.all(tags.slice(at, at + 20).map((tag) => repository.putManifest(tag, stored, NEVER)));
    }
    assert.equal((await repository.tags(NEVER)).length, 1101);
    const pages = [tags.slice(0, 1000), tags.slice(1000)];
    faults.plan = ({ path }) => {
      if (!path.includes('/tags/list')) return undefined;
      const second = path.includes('last=');
      const link = `<${path.split('?')[0] ?? ''}?n=1000&last=1.0.999>; rel="next"`;
      const body = JSON.stringify({ tags: pages[second ? 1 : 0] });
      return { answer: 200, body, headers: second ? {} : { link } };
    };
    const named = { ...request.target, registry: faults.host };
    assert.deepEqual(await new Repository(bench.client(faults.host), named, 'pull').tags(NEVER), tags);
    faults.plan = () => undefined;
    // An unchanged model under a new tag is found by the tags before it.
    const next = await bench.push({ ...request, tags: ['1.0.1100'], groups: [newModel()] });
    assert.equal(next.changed, true);
  });

  it('of a model that changes while it is read is refused, and the tag stays', async () => {
    const { request, before } = await nextImage();
    const content = randomBytes(100_000);
    let reads = 0;
    // Of another size, and of the same: the first is met by the packing, the second by the digest.
    const shrinking = {
      path: 'a.bin',
      size: 100_000,
      open: () => Promise.resolve(Readable.from([content.subarray(1)])),
    };
    const shrunk = bench.push({ ...request, groups: [groupOf([shrinking], { local: false })] });
    await assert.rejects(shrunk, { code: 'FILE_CHANGED' });
    const changing = {
      ...shrinking,
      open: () => Promise.resolve(Readable.from([reads++ === 0 ? content : randomBytes(100_000)])),
    };
    const changed = bench.push({ ...request, groups: [groupOf([changing])] });
    await assert.rejects(changed, { code: 'LAYER_DIGEST_MISMATCH' });
    assert.equal(await bench.tagOf(request), before);
  });
});
