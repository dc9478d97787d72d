import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { appendFileSync, cpSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { registryBase } from '../../../lib/oci/base-source.ts';
import type { Index } from '../../../lib/oci/image.ts';
import { parseImageName, parseRepositoryName } from '../../../lib/oci/image-name.ts';
import { openLocalBase, parseLocalBase } from '../../../lib/oci/local-base.ts';
import { type PushedImage, pushImage } from '../../../lib/oci/push-image.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { planLayers } from '../../../lib/packing/layer-plan.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { FAMILIES, PLATFORMS, pushBaseImage } from '../../support/base-images.ts';
import { ensureImageInspectors } from '../../support/image-inspectors.ts';
import { memoryFile } from '../../support/memory-file.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();

describe('a base image on this machine', function () {
  this.timeout('60s');
  let host = '';
  let folder = '';
  let base = '';
  let digest = '';
  before(async function () {
    this.timeout('10m');
    ({ host } = (await ensureServices(['registry'])).registry);
    await ensureImageInspectors();
    folder = mkdtempSync(join(tmpdir(), 'local-base-'));
    base = `local/${randomUUID()}`;
    digest = await pushBaseImage(repository(base), '1', { platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] });
    await pushBaseImage(repository(base), 'docker', { family: FAMILIES.DOCKER });
    skopeo('1', `oci:${folder}/layout:1`, '--all', '--preserve-digests');
    skopeo('docker', `docker-archive:${folder}/saved.tar:team/base:7`);
    execFileSync('tar', ['-C', join(folder, 'layout'), '-cf', join(folder, 'layout.tar'), '.']);
  });
  after(() => {
    rmSync(folder, { recursive: true, force: true });
    return dispatcher.destroy();
  });

  const client = (): RegistryClient => new RegistryClient({ registry: host, dispatcher });
  const repository = (name: string): Repository =>
    new Repository(client(), { registry: host, repository: name }, 'pull,push');
  const skopeo = (tag: string, to: string, ...options: string[]): void => {
    execFileSync('skopeo', ['copy', '-q', '--src-tls-verify=false', ...options, `docker://${host}/${base}:${tag}`, to]);
  };
  const model = memoryFile('weights.bin', 'weights');
  async function push(
    text: string,
    platforms: readonly string[] = [],
  ): Promise<PushedImage & { readonly name: string }> {
    const local = parseLocalBase(text);
    const source = local
      ? await openLocalBase(local, NEVER)
      : registryBase(client(), parseImageName(`${host}/${base}:${text}`));
    const name = `local/${randomUUID()}`;
    const layers = planLayers([model], '/model');
    const pushed = await pushImage(
      {
        base: source,
        platforms,
        target: parseRepositoryName(`${host}/${name}`),
        tags: ['latest'],
        mountFrom: [],
        immutableTags: false,
        annotations: {},
        groups: [{ name: 'model', target: '/model', layers, compression: 'none', local: true }],
        settings: {},
        about: () => ({}),
        created: new Date(0),
      },
      { client: client(), onProgress: () => undefined, signal: NEVER },
    );
    return { ...pushed, name };
  }

  for (const [what, where] of [
    ['an OCI layout', 'oci:FOLDER/layout'],
    ['an OCI layout, by its tag', 'oci:FOLDER/layout:1'],
    ['an archive of docker save in its new form', 'docker-archive:FOLDER/layout.tar'],
  ] as const) {
    it(`in ${what} gives the same image as from its registry, of all platforms`, async () => {
      const pushed = await push(where.replace('FOLDER', folder));
      assert.equal(pushed.base.digest, digest);
      assert.equal(pushed.digest, (await push('1')).digest);
      assert.deepEqual(
        pushed.layers.filter(({ group }) => group === 'base').map(({ fate }) => fate),
        ['sent', 'sent'],
      );
    });
  }

  it('in an archive of docker save in its old form becomes an image with its layers and its name', async () => {
    const pushed = await push(`docker-archive:${folder}/saved.tar`);
    assert.equal(pushed.base.source.publicName, 'docker.io/team/base:7');
    const unpacked = join(folder, 'unpacked');
    const source = `docker://${host}/${pushed.name}:latest`;
    execFileSync('skopeo', ['copy', '-q', '--src-tls-verify=false', source, `oci:${folder}/out:latest`]);
    execFileSync('umoci', ['unpack', '--image', `${folder}/out:latest`, unpacked], { stdio: 'ignore' });
    assert.match(readFileSync(join(unpacked, 'rootfs/etc/os-release'), 'utf8'), /ID=test/);
    assert.equal(readFileSync(join(unpacked, 'rootfs/model/weights.bin'), 'utf8'), 'weights');
    assert.equal((await push(`docker-archive:${folder}/saved.tar:7`)).digest, pushed.digest);
  });

  it('may lack the platforms that its index names: those that are there are taken', async () => {
    const sparse = join(folder, 'sparse');
    cpSync(join(folder, 'layout'), sparse, { recursive: true });
    const index = JSON.parse(readFileSync(blobOf(sparse, digest), 'utf8')) as Index;
    const arm = index.manifests.find(({ platform }) => platform?.architecture === 'arm64');
    rmSync(blobOf(sparse, arm?.digest ?? ''));
    const pushed = await push(`oci:${sparse}`);
    assert.deepEqual(
      [pushed.base.images.map(({ platform }) => platform), pushed.base.skipped],
      [[PLATFORMS.AMD64], ['linux/arm64/v8']],
    );
    await assert.rejects(push(`oci:${sparse}`, ['linux/arm64']), {
      code: 'PLATFORM_NOT_FOUND',
      remedy: /linux\/amd64/,
    });
  });

  it('is refused, by what is wrong with it', async () => {
    await assert.rejects(push('oci:/no/such/layout'), { code: 'IMAGE_NOT_FOUND', message: /\/no\/such\/layout/ });
    await assert.rejects(push(`oci:${folder}/layout:2`), { code: 'IMAGE_NOT_FOUND', remedy: /there are: 1\./ });
    await assert.rejects(push(`oci:${folder}`), { code: 'BASE_IMAGE_UNSUPPORTED', message: /index\.json/ });
    writeFileSync(join(folder, 'noise.tar'), 'no archive at all'.repeat(100));
    const noise = push(`docker-archive:${folder}/noise.tar`);
    await assert.rejects(noise, { code: 'BASE_IMAGE_UNSUPPORTED', message: /not a tar archive/ });
  });

  it('of which a file is not what its digest says is refused', async () => {
    const damaged = join(folder, 'damaged');
    cpSync(join(folder, 'layout'), damaged, { recursive: true });
    appendFileSync(blobOf(damaged, digest), ' ');
    await assert.rejects(push(`oci:${damaged}`), { code: 'BASE_IMAGE_UNSUPPORTED', message: /has the digest/ });

    const lying = join(folder, 'lying');
    cpSync(join(folder, 'layout'), lying, { recursive: true });
    const { base: read } = await push('1');
    const [layer] = read.images[0]?.manifest.layers ?? [];
    const file = blobOf(lying, layer?.digest ?? '');
    const bytes = readFileSync(file);
    bytes[600] = (bytes[600] ?? 0) ^ 1;
    writeFileSync(file, bytes);
    await assert.rejects(push(`oci:${lying}`), { code: 'LAYER_DIGEST_MISMATCH' });
  });
});

function blobOf(layout: string, digest: string): string {
  return join(layout, 'blobs', digest.replace(':', '/'));
}
