import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { Artifact } from '../../../lib/oci/artifact.ts';
import { type CompanionContent, complete } from '../../../lib/oci/companion-image.ts';
import { digestOf } from '../../../lib/oci/digest.ts';
import type { Descriptor, Index, Manifest } from '../../../lib/oci/image.ts';
import { OCI } from '../../../lib/oci/media-types.ts';
import { attach, listReferrers, referrersTag } from '../../../lib/oci/referrers.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { type BaseOptions, FAMILIES, PLATFORMS, pushBaseImage } from '../../support/base-images.ts';
import { ReferrersRegistry } from '../../support/referrers-registry.ts';
import { RegistryFaults } from '../../support/registry-faults.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();

const artifact = (text: string, artifactType = 'application/vnd.cyclonedx+json'): Artifact => ({
  artifactType,
  blobs: [{ mediaType: artifactType, bytes: Buffer.from(text), annotations: {} }],
  annotations: { 'org.example.text': text },
});

describe('what is attached to an image', function () {
  this.timeout('60s');
  let host = '';
  let listing: ReferrersRegistry;
  let faults: RegistryFaults;
  before(async () => {
    ({ host } = (await ensureServices(['registry'])).registry);
    listing = await ReferrersRegistry.start(host);
    faults = await RegistryFaults.start(host);
  });
  after(async () => {
    await listing.stop();
    await faults.stop();
    await dispatcher.destroy();
  });

  const repositoryOf = (registry: string, name = `referrers/${randomUUID()}`): Repository =>
    new Repository(new RegistryClient({ registry, dispatcher }), { registry, repository: name }, 'pull,push');
  const descriptorIn = async (repository: Repository, reference: string): Promise<Descriptor> => {
    const stored = await repository.manifest(reference, NEVER);
    assert.ok(stored !== undefined, `no ${reference}`);
    return { mediaType: stored.mediaType, digest: stored.digest, size: stored.bytes.length };
  };
  const imageIn = async (repository: Repository, options: BaseOptions = {}): Promise<Descriptor> =>
    descriptorIn(repository, await pushBaseImage(repository, 'image', options));
  const jsonOf = async <Kind>(repository: Repository, reference: string): Promise<Kind> =>
    JSON.parse((await repository.manifest(reference, NEVER))?.bytes.toString() ?? 'null') as Kind;
  const textsOf = (found: readonly Descriptor[]): readonly unknown[] =>
    found.map(({ annotations }) => annotations?.['org.example.text']).sort();

  for (const [what, registryOf] of [
    ['listed by the registry', () => listing.host],
    ['listed under a tag', () => host],
  ] as const) {
    describe(what, () => {
      for (const family of Object.values(FAMILIES)) {
        it(`is found again, with its type and annotations (${family.name})`, async () => {
          const repository = repositoryOf(registryOf());
          const image = await imageIn(repository, { family, platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] });
          assert.deepEqual(await listReferrers(repository, image.digest, NEVER), []);
          const artifacts = [artifact('one'), artifact('two', 'application/vnd.in-toto+json'), artifact('three')];
          const digests = await attach(repository, image, artifacts, NEVER);
          const found = await listReferrers(repository, image.digest, NEVER);
          assert.deepEqual(
            found.map(({ digest, artifactType }) => [digest, artifactType]),
            digests.map((digest, index) => [digest, artifacts[index]?.artifactType]),
          );
          assert.deepEqual(textsOf(found), ['one', 'three', 'two']);
          const manifest = await jsonOf<Manifest>(repository, digests[0] ?? '');
          assert.deepEqual(manifest.subject, image);
          assert.equal(manifest.config.mediaType, 'application/vnd.oci.empty.v1+json');
          assert.equal(manifest.config.digest, digestOf('{}'));
          assert.equal((await repository.document(manifest.layers[0]?.digest ?? '', NEVER)).toString(), 'one');
        });
      }

      it('attached again is the same, and listed once', async () => {
        const repository = repositoryOf(registryOf());
        const image = await imageIn(repository);
        const first = await attach(repository, image, [artifact('one')], NEVER);
        assert.deepEqual(await attach(repository, image, [artifact('one')], NEVER), first);
        assert.equal((await listReferrers(repository, image.digest, NEVER)).length, 1);
      });

      it('adds to a companion image what it lacks, beside what others put there', async () => {
        const repository = repositoryOf(registryOf());
        const image = await imageIn(repository);
        const kind = { suffix: 'sig', artifactType: 'application/vnd.example.sig' };
        const wants = (text: string) => (content: CompanionContent) =>
          Promise.resolve(
            content.layers.some(({ digest }) => digest === digestOf(text)) ? [] : [...artifact(text).blobs],
          );
        const { digest: first, changed } = await complete(repository, image, kind, wants('one'), NEVER);
        assert.equal(changed, true);
        assert.deepEqual(await complete(repository, image, kind, wants('one'), NEVER), {
          digest: first,
          changed: false,
        });
        const { digest: second } = await complete(repository, image, kind, wants('two'), NEVER);
        const tag = `sha256-${image.digest.slice('sha256:'.length)}.sig`;
        const manifest = await jsonOf<Manifest>(repository, tag);
        assert.deepEqual(
          manifest.layers.map(({ digest }) => digest),
          [digestOf('one'), digestOf('two')],
        );
        assert.deepEqual(manifest.subject, image);
        assert.equal(await repository.digestOfTag(tag, NEVER), second);
        const found = await listReferrers(repository, image.digest, NEVER);
        assert.ok(found.some(({ digest }) => digest === second));
      });
    });
  }

  it('stands under the tag that the specification gives as its example', () => {
    const digest = 'sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa';
    assert.equal(referrersTag(digest), 'sha256-aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa');
    const long = `sha512:${'b'.repeat(128)}`;
    assert.equal(referrersTag(long), `sha512-${'b'.repeat(64)}`);
  });

  it('leaves what others listed under the tag', async () => {
    const repository = repositoryOf(host);
    const image = await imageIn(repository);
    await attach(repository, image, [artifact('ours')], NEVER);
    const tag = referrersTag(image.digest);
    const index = await jsonOf<Index>(repository, tag);
    const foreign: Descriptor = {
      ...image,
      artifactType: 'application/vnd.other',
      annotations: { 'org.example.text': 'theirs' },
    };
    const bytes = Buffer.from(
      JSON.stringify({ ...index, annotations: { kept: 'yes' }, manifests: [foreign, ...index.manifests] }),
    );
    await repository.putManifest(tag, { mediaType: OCI.index, bytes }, NEVER);
    await attach(repository, image, [artifact('ours too')], NEVER);
    assert.deepEqual(textsOf(await listReferrers(repository, image.digest, NEVER)), ['ours', 'ours too', 'theirs']);
    assert.deepEqual((await jsonOf<Index>(repository, tag)).annotations, { kept: 'yes' });
  });

  it('loses no entry to somebody who writes the list between this run’s reading and writing, or right after it', async () => {
    for (const moment of ['before', 'after'] as const) {
      const name = `referrers/${randomUUID()}`;
      const [direct, watched] = [repositoryOf(host, name), repositoryOf(faults.host, name)];
      const image = await imageIn(direct);
      const tag = referrersTag(image.digest);
      const other = Buffer.from(
        JSON.stringify({
          schemaVersion: 2,
          mediaType: OCI.index,
          manifests: [{ ...image, annotations: { 'org.example.text': 'theirs' } }],
        }),
      );
      let waiting = true;
      const interrupt = (): Promise<unknown> => direct.putManifest(tag, { mediaType: OCI.index, bytes: other }, NEVER);
      faults.before = async ({ method, path }) => {
        // The look just before writing, or the reading after it.
        const due = path.endsWith(tag) && (moment === 'before' ? method === 'HEAD' : method === 'GET' && written);
        if (method === 'PUT' && path.endsWith(tag)) written = true;
        if (!due || !waiting) return;
        waiting = false;
        await interrupt();
      };
      let written = false;
      await attach(watched, image, [artifact('ours')], NEVER);
      faults.before = () => Promise.resolve();
      assert.deepEqual(textsOf(await listReferrers(direct, image.digest, NEVER)), ['ours', 'theirs'], moment);
      assert.equal(waiting, false);
    }
  });

  it('is not listed over something else that has the tag', async () => {
    const repository = repositoryOf(host);
    const image = await imageIn(repository);
    const stored = await repository.manifest('image', NEVER);
    assert.ok(stored !== undefined);
    await repository.putManifest(referrersTag(image.digest), stored, NEVER);
    assert.deepEqual(await listReferrers(repository, image.digest, NEVER), []);
    await assert.rejects(attach(repository, image, [artifact('ours')], NEVER), {
      code: 'REFERRERS_UNREADABLE',
      message: new RegExp(`${referrersTag(image.digest)} of ${host}`),
    });
  });

  it('is refused with the registry’s own code where it takes no artifacts', async () => {
    const repository = repositoryOf(listing.host);
    const image = await imageIn(repository);
    listing.artifacts = 'refused';
    try {
      await assert.rejects(attach(repository, image, [artifact('one')], NEVER), {
        code: 'REGISTRY_REFUSED',
        message: /MANIFEST_INVALID/,
      });
    } finally {
      listing.artifacts = 'listed';
    }
  });
});
