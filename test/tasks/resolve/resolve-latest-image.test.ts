import assert from 'node:assert/strict';
import { generateKeyPairSync, randomBytes, randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { attach, referrersTag } from '../../../lib/oci/referrers.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { encodeJson, IN_TOTO_MEDIA_TYPE, statementAbout } from '../../../lib/supply/statement.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { PLATFORMS, pushBaseImage } from '../../support/base-images.ts';
import { type BlobContainer, freshContainer } from '../../support/blob-container.ts';
import { COSIGN_KEY, COSIGN_PASSWORD, COSIGN_PUBLIC_KEY } from '../../support/cosign-key.ts';
import {
  runTaskProcess,
  succeeded,
  type TaskProcessOptions,
  type TaskProcessResult,
} from '../../support/packed-task.ts';

type Values = Readonly<Record<string, string>>;
const SIGNED = { signingKey: COSIGN_KEY, signingKeyPassword: COSIGN_PASSWORD };
const COMMIT = 'b'.repeat(40);
const DAY = 86_400;

describe('ResolveLatestImage', function () {
  this.timeout('120s');
  const dispatcher = createDispatcher();
  let signal: AbortSignal;
  let host = '';
  let folder = '';
  let name = '';
  before(async () => {
    ({ host } = (await ensureServices(['registry'])).registry);
    folder = mkdtempSync(join(tmpdir(), 'resolve-'));
    mkdirSync(join(folder, 'model'));
    await pushBaseImage(repositoryOf('resolve/base'), '1', { platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] });
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await dispatcher.destroy();
  });
  beforeEach(() => {
    signal = AbortSignal.timeout(110_000);
    name = `resolve/${randomUUID()}`;
    writeFileSync(join(folder, 'model', 'weights.bin'), randomBytes(1000));
  });

  const repositoryOf = (repository: string): Repository =>
    new Repository(new RegistryClient({ registry: host, dispatcher }), { registry: host, repository }, 'pull,push');
  const run = (
    task: string,
    inputs: Values,
    { variables = {}, ...rest }: Partial<TaskProcessOptions> = {},
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task,
      inputs,
      ...rest,
      variables: { DOCKER_CONFIG: join(folder, 'none'), 'Build.SourceVersion': COMMIT, ...variables },
    });
  /** Bundles the model that lies in the folder, as of so many days ago. */
  const bundle = async (tags: string, inputs: Values = {}, days = 0): Promise<TaskProcessResult> =>
    succeeded(
      await run(
        'BundleModelImage',
        {
          repository: `${host}/${name}`,
          tags,
          baseImage: `${host}/resolve/base:1`,
          modelFolder: join(folder, 'model'),
          model: 'digits',
          version: '7',
          ...inputs,
        },
        { variables: { SOURCE_DATE_EPOCH: String(Math.floor(Date.now() / 1000) - days * DAY) } },
      ),
    );
  const resolve = (inputs: Values = {}, rest: Partial<TaskProcessOptions> = {}): Promise<TaskProcessResult> =>
    run('ResolveLatestImage', { repository: `${host}/${name}`, ...inputs }, rest);
  const refused = (result: TaskProcessResult, message: RegExp): void => {
    assert.equal(result.result, 'Failed', result.log);
    const [error, ...others] = result.issues.filter(({ type }) => type === 'error');
    assert.deepEqual(others, []);
    assert.match(error?.message ?? '', message);
    assert.deepEqual(result.outputs, {});
  };

  for (const node of ['24', '20'] as const) {
    it(`gives the newest image by its digest, and tells what it carries, on Node ${node}`, async () => {
      await bundle('1', {}, 2);
      writeFileSync(join(folder, 'model', 'weights.bin'), randomBytes(1000));
      const { outputs: made } = await bundle('2,latest'.replace(',', '\n'), { ...SIGNED, version: '8' }, 1);
      const gates = { requireProvenance: 'true', verificationKey: COSIGN_PUBLIC_KEY, maxAgeDays: '3' };
      const { outputs, summary, attachments } = succeeded(await resolve(gates, { node }));
      assert.deepEqual(
        {
          image: outputs.image,
          digest: outputs.imageDigest,
          tags: outputs.imageTags?.split(',').sort(),
          name: outputs.modelName,
          version: outputs.modelVersion,
          model: outputs.modelDigest,
          base: outputs.baseDigest,
          revision: outputs.appRevision,
          changed: outputs.changed,
        },
        {
          image: `${host}/${name}@${made.imageDigest ?? ''}`,
          digest: made.imageDigest,
          tags: ['2', 'latest'],
          name: 'digits',
          version: '8',
          model: made.modelDigest,
          base: made.baseDigest,
          revision: COMMIT,
          changed: 'true',
        },
      );
      assert.match(summary ?? '', /To be rolled out[^]*`digits` `8`[^]*is signed by the key `?sha256:/);
      const [attachment] = attachments;
      assert.equal(attachment?.type, 'model-delivery.ResolveLatestImage');
      const facts = JSON.parse(attachment.content) as { platforms: unknown; model: unknown };
      assert.deepEqual(facts.platforms, ['linux/amd64', 'linux/arm64/v8']);
    });
  }

  it('says that nothing changed where the very image is deployed, by whatever name', async () => {
    const { outputs: first } = await bundle('1', {}, 1);
    writeFileSync(join(folder, 'model', 'weights.bin'), randomBytes(1000));
    const { outputs: second } = await bundle('2');
    const index = await repositoryOf(name).manifest('2', signal);
    const { manifests } = JSON.parse(index?.bytes.toString() ?? '') as { manifests: { digest: string }[] };
    for (const [deployed, changed] of [
      [second.image, 'false'],
      [`${host}/${name}:2`, 'false'],
      [`${host}/${name}@${manifests[0]?.digest ?? ''}`, 'false'],
      [first.image, 'true'],
      [`${host}/${name}:1`, 'true'],
      [`${host}/${name}:none`, 'true'],
      [`${host}/other/app@${second.imageDigest ?? ''}`, 'true'],
    ]) {
      const { outputs } = succeeded(await resolve({ deployedImage: deployed ?? '' }));
      assert.deepEqual([outputs.changed, outputs.deployedImage], [changed, deployed]);
    }
    refused(await resolve({ deployedImage: 'no image' }), /^IMAGE_NAME_INVALID/);
  });

  it('pins what a tag names now', async () => {
    await bundle('stable', {}, 1);
    const { outputs } = succeeded(await resolve({ newestBy: 'tag', tag: 'stable' }));
    assert.match(outputs.image ?? '', /@sha256:[0-9a-f]{64}$/);
    refused(await resolve({ newestBy: 'tag', tag: 'stabel' }), /^IMAGE_NOT_FOUND: .*has: .*stable/);
  });

  it('refuses what nobody vouches for', async () => {
    const { outputs: plain } = await bundle('1', { provenance: 'false' });
    refused(
      await resolve({ requireProvenance: 'true' }),
      /^PROVENANCE_MISSING: .*sha256:[0-9a-f]{64} has no provenance\./,
    );
    refused(
      await resolve({ verificationKey: COSIGN_PUBLIC_KEY }),
      /^SIGNATURE_MISSING: .* no signature of the key sha256:/,
    );
    // Provenance of another image, and a statement of another kind about this one.
    const repository = repositoryOf(name);
    const digest = plain.imageDigest ?? '';
    const top = await repository.manifest(digest, signal);
    assert.ok(top !== undefined);
    const statements = [
      statementAbout({ name, digest: `sha256:${'0'.repeat(64)}` }, 'https://slsa.dev/provenance/v1', {}),
      statementAbout({ name, digest }, 'https://cyclonedx.org/bom', {}),
    ];
    for (const statement of statements) {
      const blob = { mediaType: IN_TOTO_MEDIA_TYPE, bytes: encodeJson(statement), annotations: {} };
      const artifact = { artifactType: IN_TOTO_MEDIA_TYPE, blobs: [blob], annotations: {} };
      await attach(repository, { mediaType: top.mediaType, digest, size: top.bytes.length }, [artifact], signal);
    }
    refused(await resolve({ requireProvenance: 'true' }), /^PROVENANCE_MISSING/);
  });

  it('refuses signatures of another key, and of another image', async () => {
    const { outputs: signed } = await bundle('1', SIGNED, 1);
    const { publicKey: other } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const verificationKey = other.export({ type: 'spki', format: 'pem' }).toString();
    refused(await resolve({ verificationKey }), /^SIGNATURE_MISSING/);
    // By anybody there is provenance; by that key there is none.
    refused(await resolve({ requireProvenance: 'true', verificationKey }), /^SIGNATURE_MISSING/);
    writeFileSync(join(folder, 'model', 'weights.bin'), randomBytes(1000));
    const { outputs: forged } = await bundle('2');
    const repository = repositoryOf(name);
    const genuine = await repository.manifest(`${referrersTag(signed.imageDigest ?? '')}.sig`, signal);
    assert.ok(genuine !== undefined);
    await repository.putManifest(`${referrersTag(forged.imageDigest ?? '')}.sig`, genuine, signal);
    refused(await resolve({ verificationKey: COSIGN_PUBLIC_KEY }), /^SIGNATURE_MISSING/);
    // Provenance is there, but the key has not signed it.
    refused(
      await resolve({ newestBy: 'tag', tag: '2', requireProvenance: 'true', verificationKey: COSIGN_PUBLIC_KEY }),
      /^SIGNATURE_MISSING/,
    );
    succeeded(
      await resolve({ newestBy: 'tag', tag: '1', requireProvenance: 'true', verificationKey: COSIGN_PUBLIC_KEY }),
    );
  });

  it('refuses what is too old', async () => {
    await bundle('1', {}, 4);
    refused(await resolve({ maxAgeDays: '3' }), /^IMAGE_TOO_OLD: .*more than 3 days ago/);
    succeeded(await resolve({ maxAgeDays: '5' }));
  });

  it('refuses an image without the newest model of a store', async () => {
    const container = await freshContainer();
    try {
      await publish(container, '1');
      const store = storeInputs(container);
      await bundle('1', { ...store, modelSource: 'store', version: '' });
      const { summary, outputs } = succeeded(await resolve({ ...store, requireLatestModel: 'true' }));
      assert.match(summary ?? '', /carries the newest model/);
      assert.equal(outputs.modelIsLatest, 'true');
      writeFileSync(join(folder, 'model', 'weights.bin'), randomBytes(1000));
      await publish(container, '2');
      refused(
        await resolve({ ...store, requireLatestModel: 'true' }),
        /^MODEL_NOT_LATEST: .* carries digits 1; the newest is digits 2 \(.*\)/,
      );
      const told = succeeded(await resolve({ ...store, requireLatestModel: 'report' }));
      assert.equal(told.outputs.modelIsLatest, 'false');
      // A model whose content the image carries already may be called otherwise.
      await bundle('2', { ...store, modelSource: 'store', version: '' });
      await publish(container, '3');
      succeeded(await resolve({ ...store, requireLatestModel: 'true' }));
    } finally {
      await container.client.delete();
    }
  });
  const publish = async (container: BlobContainer, version: string): Promise<void> => {
    const inputs = { ...storeInputs(container), source: join(folder, 'model'), version };
    succeeded(await run('PublishModel', inputs));
  };
  const storeInputs = ({ service, name: container }: BlobContainer): Values => ({
    storageAuth: 'connectionString',
    connectionString: service.connectionString,
    container,
    model: 'digits',
  });

  it('tells bad input from what is not there', async () => {
    await bundle('1');
    refused(await resolve({ verificationKey: 'cosign.pub' }), /^VERIFICATION_KEY_INVALID: .*no public key in PEM/);
    refused(await resolve({ verificationKey: COSIGN_KEY }), /^VERIFICATION_KEY_INVALID: .*it is a private key/);
    refused(await resolve({ imageLabels: 'model' }), /^INPUT_INVALID: The input imageLabels/);
    refused(await resolve({ newestBy: 'tag', tag: 'a b' }), /^TAG_INVALID/);
    refused(await resolve({ tags: '2*' }), /^NO_IMAGE_MATCHES: .*Of 1 tag: 1 left out by tags and excludeTags \(1\)/);
    refused(
      await resolve({ repository: `${host}/${name}y` }),
      /^REPOSITORY_NOT_FOUND: .*the registry has: .*resolve\//,
    );
  });

  it('passes text of an image on without letting it give commands', async () => {
    const labels = { 'model-delivery.model.version': '1\n##vso[task.setvariable variable=x]y' };
    await pushBaseImage(repositoryOf(name), '1', { config: { config: { Labels: labels } } });
    const { outputs, log } = succeeded(await resolve());
    assert.equal(outputs.modelVersion, labels['model-delivery.model.version']);
    assert.equal(outputs.x, undefined, log);
  });
});
