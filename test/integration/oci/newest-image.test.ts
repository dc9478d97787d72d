import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { attach } from '../../../lib/oci/referrers.ts';
import type { FoundImage } from '../../../lib/oci/newest/found-image.ts';
import { findImage } from '../../../lib/oci/newest/newest-image.ts';
import type { ImageFilter, ImageOrder } from '../../../lib/oci/newest/wanted-image.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { startThrowawayRegistry } from '../../../tools/services/throwaway.ts';
import { type BaseOptions, PLATFORMS, pushBaseImage } from '../../support/base-images.ts';
import { RequestProxy } from '../../support/request-proxy.ts';

const ANY: ImageFilter = { tags: [], excludeTags: [], platform: undefined, labels: {} };

describe('the newest image of a repository', function () {
  this.timeout('60s');
  const dispatcher = createDispatcher();
  let signal: AbortSignal;
  let host = '';
  let proxy: RequestProxy;
  let repository: Repository;
  before(async () => {
    ({ host } = (await ensureServices(['registry'])).registry);
    proxy = await RequestProxy.start(`http://${host}`);
  });
  after(async () => {
    await proxy.stop();
    await dispatcher.destroy();
  });
  beforeEach(() => {
    signal = AbortSignal.timeout(50_000);
    repository = repositoryAt(host, `newest/${randomUUID()}`);
  });

  const repositoryAt = (registry: string, name: string): Repository =>
    new Repository(new RegistryClient({ registry, dispatcher }), { registry, repository: name }, 'pull,push');
  const push = (tag: string, created: string, labels: Record<string, string> = {}, rest: BaseOptions = {}) =>
    pushBaseImage(repository, tag, { ...rest, config: { created, config: { Labels: { tag, ...labels } } } });
  const find = async (
    by: ImageOrder,
    filter: Partial<ImageFilter> = {},
    { mostImages = 100, name = repository.name.repository, through = proxy } = {},
  ): Promise<FoundImage> => {
    const registry = new URL(through.origin).host;
    through.reset();
    return findImage(
      new RegistryClient({ registry, dispatcher }),
      { registry, repository: name },
      { by, filter: { ...ANY, ...filter } },
      { isAzure: false, mostImages, onNote: () => undefined, signal },
    );
  };
  const asked = (through = proxy): readonly string[] => through.seen.map(({ method }) => method);
  const refused = async (finding: Promise<unknown>, code: string, text: RegExp): Promise<void> => {
    await assert.rejects(finding, (error) => {
      assert.ok(error instanceof DeliveryError, String(error));
      assert.equal(error.code, code, error.message);
      assert.match(`${error.message} ${error.remedy}`, text);
      return true;
    });
  };

  it('by creation is the one created last, whatever its tag; all of its tags are named', async () => {
    await push('9', '2026-11-01T00:00:00Z');
    const digest = await push('2', '2026-11-03T00:00:00Z');
    const stored = await repository.manifest('2', signal);
    assert.ok(stored !== undefined);
    await repository.putManifest('latest', stored, signal);
    await push('3', '2026-11-02T00:00:00Z');
    const found = await find('created');
    assert.equal(found.digest, digest);
    assert.deepEqual([...found.tags].sort(), ['2', 'latest']);
    assert.equal(found.created?.toISOString(), '2026-11-03T00:00:00.000Z');
    assert.equal(found.labels.tag, '2');
    assert.deepEqual(found.platforms, ['linux/amd64']);
  });

  it('by creation is that of the highest tag where all are of one time, as after a change of the model alone', async () => {
    for (const tag of ['99', '100', '98']) await push(tag, '2026-11-01T00:00:00Z');
    assert.deepEqual((await find('created')).tags, ['100']);
  });

  it('by version is the highest release; build numbers and moving tags beside versions do not count', async () => {
    for (const tag of ['v1.2.0', 'v1.10.0', 'v2.0.0-rc.1', '4711', '2', 'latest'])
      await push(tag, '2026-11-01T00:00:00Z');
    assert.deepEqual((await find('version')).tags, ['v1.10.0']);
    // What the registry is, which tags there are, the manifest, the configuration.
    assert.equal(asked().length, 4, asked().join(' '));
    assert.deepEqual((await find('version', { tags: ['*-rc*'] })).tags, ['v2.0.0-rc.1']);
    assert.deepEqual((await find('version', { tags: ['[0-9]*'] })).tags, ['4711']);
  });

  it('is one that patterns, labels and platform allow', async () => {
    const both = { platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] };
    await push('main-1', '2026-11-01T00:00:00Z', { model: 'digits' }, both);
    await push('main-2', '2026-11-02T00:00:00Z', { model: 'digits' });
    await push('main-3', '2026-11-03T00:00:00Z', { model: 'letters' });
    await push('try-4', '2026-11-04T00:00:00Z', { model: 'digits' });
    await push('main-5-dirty', '2026-11-05T00:00:00Z', { model: 'digits' });
    const filter = { tags: ['main-*'], excludeTags: ['*-dirty'] };
    assert.deepEqual((await find('created', filter)).tags, ['main-3']);
    const digits = { ...filter, labels: { model: 'digits' } };
    assert.deepEqual((await find('created', digits)).tags, ['main-2']);
    const arm = await find('created', { ...digits, platform: 'linux/arm64' });
    assert.deepEqual(arm.tags, ['main-1']);
    assert.deepEqual(arm.platforms, ['linux/amd64', 'linux/arm64/v8']);
    assert.equal(arm.platformDigests.length, 2);
    assert.equal(arm.attestations.length, 1);
  });

  it('is no artifact and nothing that is attached to an image', async () => {
    const digest = await push('1', '2026-11-01T00:00:00Z');
    const { bytes = Buffer.of(), mediaType = '' } = (await repository.manifest('1', signal)) ?? {};
    const subject = { mediaType, digest, size: bytes.length };
    const blob = { mediaType: 'text/plain', bytes: Buffer.from('hello'), annotations: {} };
    const [artifact = ''] = await attach(
      repository,
      subject,
      [{ artifactType: 'text/plain', blobs: [blob], annotations: {} }],
      signal,
    );
    const stored = await repository.manifest(artifact, signal);
    assert.ok(stored !== undefined);
    await repository.putManifest('2', stored, signal);
    assert.ok((await repository.tags(signal)).length > 2);
    assert.deepEqual((await find('created')).tags, ['1']);
  });

  it('of none says what there is and why it did not do', async () => {
    await push('main-1', '2026-11-01T00:00:00Z', {}, {});
    await push('main-2', '2026-11-01T00:00:00Z', { model: 'letters' });
    await push('release', '2026-11-01T00:00:00Z');
    await refused(
      find('created', { tags: ['main-*'], labels: { model: 'digits' } }),
      'NO_IMAGE_MATCHES',
      /Of 3 tags: 1 left out by tags and excludeTags \(release\); 2 has not the wanted labels \(main-2, main-1\)/,
    );
    await refused(find('created', { tags: ['releases'] }), 'NO_IMAGE_MATCHES', /there are: release, main-/);
    await refused(find('version', { tags: ['main-*'] }), 'NO_IMAGE_MATCHES', /2 no semantic version \(main-/);
    await refused(find('created', { platform: 'linux/s390x' }), 'NO_IMAGE_MATCHES', /3 is not for the wanted platform/);
  });

  it('of a repository that is not there names those most like it', async () => {
    await push('1', '2026-11-01T00:00:00Z');
    const name = repository.name.repository;
    await refused(find('created', {}, { name: `${name}x` }), 'REPOSITORY_NOT_FOUND', new RegExp(name));
  });

  it('of a repository that is not there names those of its namespace, however many others the registry has', async () => {
    const registry = await startThrowawayRegistry();
    const through = await RequestProxy.start(`http://${registry.host}`);
    try {
      await writeRepositories(join(registry.folder, 'data'), 6000);
      repository = repositoryAt(registry.host, 'team/digits');
      await push('1', '2026-11-01T00:00:00Z');
      await refused(find('created', {}, { name: 'team/digit', through }), 'REPOSITORY_NOT_FOUND', /has: team\/digits,/);
      // A message need not read all of them.
      assert.ok(asked(through).length <= 8, asked(through).join(' '));
    } finally {
      await through.stop();
      await registry.stop();
    }
  });

  it('by push is known to Azure alone', async () => {
    await push('1', '2026-11-01T00:00:00Z');
    await refused(find('pushed'), 'IMAGE_ORDER_UNSUPPORTED', /created or version/);
  });

  it('that a tag names now is pinned; of a tag that is not there those most like it are named', async () => {
    const digest = await push('stable', '2026-11-01T00:00:00Z');
    const context = { isAzure: false, mostImages: 1, onNote: () => undefined, signal };
    const byTag = (tag: string) =>
      findImage(repository.client, repository.name, { by: 'tag', tag, filter: ANY }, context);
    assert.equal((await byTag('stable')).digest, digest);
    await refused(byTag('stabel'), 'IMAGE_NOT_FOUND', /has: stable/);
  });

  it('is found among 10,000 by version with four requests, and by creation not without narrower tags', async () => {
    const registry = await startThrowawayRegistry();
    const through = await RequestProxy.start(`http://${registry.host}`);
    try {
      repository = repositoryAt(registry.host, 'many');
      const digest = await push('0.0.1', '2026-11-01T00:00:00Z');
      await writeTags(join(registry.folder, 'data'), 'many', digest);
      const options = { name: 'many', through };
      assert.deepEqual((await find('version', {}, options)).tags, ['1.0.9999']);
      assert.equal(asked(through).length, 4, asked(through).join(' '));
      await refused(find('created', {}, options), 'IMAGES_TOO_MANY', /10001 images.*maximumImages is 100/);
      assert.equal(asked(through).length, 2, asked(through).join(' '));
      const some = await find('created', { tags: ['1.0.12??'] }, options);
      assert.equal(some.tags.length, 100);
      // One manifest a tag, and one configuration for all.
      assert.equal(asked(through).length, 103);
    } finally {
      await through.stop();
      await registry.stop();
    }
  });
});

/** Makes so many repositories without an image, which a registry lists before others. */
async function writeRepositories(data: string, count: number): Promise<void> {
  const repositories = join(data, 'docker/registry/v2/repositories');
  for (let at = 0; at < count; at += 500) {
    const names = Array.from({ length: 500 }, (_, index) => `other/${at + index}`);
    await Promise.all(names.map((name) => mkdir(join(repositories, name, '_layers'), { recursive: true })));
  }
}

/** Writes 10,000 tags of one image into a registry's storage, as it would itself. */
async function writeTags(data: string, repository: string, digest: string): Promise<void> {
  const tags = join(data, 'docker/registry/v2/repositories', repository, '_manifests/tags');
  for (let at = 0; at < 10_000; at += 500) {
    await Promise.all(
      Array.from({ length: 500 }, async (_, index) => {
        const current = join(tags, `1.0.${at + index}`, 'current');
        await mkdir(current, { recursive: true });
        await writeFile(join(current, 'link'), digest);
      }),
    );
  }
}
