import assert from 'node:assert/strict';
import { createHash, randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { buffer } from 'node:stream/consumers';
import { zstdCompressSync } from 'node:zlib';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { type BaseSource, registryBase } from '../../../lib/oci/base-source.ts';
import type { ImageRequest } from '../../../lib/oci/compose-image.ts';
import { digestOf } from '../../../lib/oci/digest.ts';
import type { Descriptor, ImageConfig, Index, Manifest } from '../../../lib/oci/image.ts';
import { parseImageName } from '../../../lib/oci/image-name.ts';
import { openLocalBase } from '../../../lib/oci/local-base.ts';
import { type PushedImage, pushImage } from '../../../lib/oci/push-image.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { writeImage } from '../../../lib/oci/write-image.ts';
import { layerOf } from '../../../lib/packing/layer.ts';
import { planLayers } from '../../../lib/packing/layer-plan.ts';
import { readLayer } from '../../../lib/packing/read-layer.ts';
import { startThrowawayRegistry } from '../../../tools/services/throwaway.ts';
import { FAMILIES, pushBaseImage } from '../../support/base-images.ts';
import { memoryFile } from '../../support/memory-file.ts';
import { RegistryFaults } from '../../support/registry-faults.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();
/** Layers that licences keep out of registries, and layers by zstd: OCI's types, and what BuildKit calls them in Docker's format. */
const TYPES = {
  OCI: {
    foreign: 'application/vnd.oci.image.layer.nondistributable.v1.tar+gzip',
    zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  },
  DOCKER: {
    foreign: 'application/vnd.docker.image.rootfs.foreign.diff.tar.gzip',
    zstd: 'application/vnd.docker.image.rootfs.diff.tar.zstd',
  },
} as const;

describe('a base image with a foreign layer and one by zstd', function () {
  this.timeout('60s');
  let registry: Awaited<ReturnType<typeof startThrowawayRegistry>>;
  /** The same registry under another name: what comes from there is not taken over but sent. */
  let elsewhere: RegistryFaults;
  let folder = '';
  before(async () => {
    registry = await startThrowawayRegistry({ foreignLayers: true });
    elsewhere = await RegistryFaults.start(registry.host);
    folder = mkdtempSync(join(tmpdir(), 'unusual-layers-'));
  });
  after(async () => {
    await elsewhere.stop();
    await registry.stop();
    rmSync(folder, { recursive: true, force: true });
    await dispatcher.destroy();
  });

  const client = (host = registry.host): RegistryClient => new RegistryClient({ registry: host, dispatcher });
  const repository = (name: string): Repository =>
    new Repository(client(), { registry: registry.host, repository: name }, 'pull,push');
  const read = async <Kind>(name: string, reference: string): Promise<Kind> =>
    JSON.parse((await repository(name).manifest(reference, NEVER))?.bytes.toString() ?? '') as Kind;
  const at = (host: string, name: string): BaseSource =>
    registryBase(client(host), parseImageName(`${host}/${name}:unusual`));

  interface UnusualBase {
    readonly name: string;
    readonly layers: readonly Descriptor[];
    readonly diffIds: readonly string[];
    readonly foreign: string;
  }

  async function given(family: keyof typeof TYPES): Promise<UnusualBase> {
    const name = `unusual/${randomUUID()}`;
    await pushBaseImage(repository(name), 'plain', { family: FAMILIES[family] });
    const manifest = await read<Manifest>(name, 'plain');
    const config = JSON.parse(
      (await repository(name).document(manifest.config.digest, NEVER)).toString(),
    ) as ImageConfig;

    const content = memoryFile('opt/more.txt', 'more\n'.repeat(1000));
    const file = { type: 'file', path: content.path, size: content.size, executable: false, file: content } as const;
    const tar = await buffer(readLayer(layerOf([file]), 0, NEVER));
    const packed = zstdCompressSync(tar);
    await repository(name).putDocument(packed, NEVER);
    const foreign = `sha256:${createHash('sha256').update(randomUUID()).digest('hex')}`;
    const urls = ['https://layers.example.com/licensed.tar.gz'];
    const layers: readonly Descriptor[] = [
      { mediaType: TYPES[family].foreign, size: 123_456_789, digest: foreign, urls },
      ...manifest.layers,
      { mediaType: TYPES[family].zstd, size: packed.length, digest: digestOf(packed), annotations: { kept: 'yes' } },
    ];
    const diffIds = [`sha256:${'f'.repeat(64)}`, ...config.rootfs.diff_ids, digestOf(tar)];

    const configBytes = Buffer.from(JSON.stringify({ ...config, rootfs: { type: 'layers', diff_ids: diffIds } }));
    await repository(name).putDocument(configBytes, NEVER);
    const newConfig = { ...manifest.config, size: configBytes.length, digest: digestOf(configBytes) };
    const bytes = Buffer.from(JSON.stringify({ ...manifest, config: newConfig, layers }));
    await repository(name).putManifest('unusual', { mediaType: FAMILIES[family].manifest, bytes }, NEVER);
    return { name, layers, diffIds, foreign };
  }

  const requestOn = (base: BaseSource): ImageRequest => {
    const layers = planLayers([memoryFile('weights.bin', 'weights')], '/model');
    return {
      base,
      platforms: [],
      settings: {},
      annotations: {},
      about: () => ({}),
      created: new Date(0),
      groups: [{ name: 'model', target: '/model', layers, compression: 'none', local: true }],
    };
  };
  const push = async (base: BaseSource): Promise<PushedImage & { readonly target: string }> => {
    const target = `unusual/${randomUUID()}`;
    const whereTo = { target: { registry: registry.host, repository: target }, tags: ['latest'], mountFrom: [] };
    const request = { ...requestOn(base), ...whereTo, immutableTags: false };
    return {
      ...(await pushImage(request, { client: client(), onProgress: () => undefined, signal: NEVER })),
      target,
    };
  };
  const fates = ({ layers }: PushedImage): readonly string[] =>
    layers.filter(({ group }) => group === 'base').map(({ fate }) => fate);

  for (const family of ['OCI', 'DOCKER'] as const) {
    it(`keeps them as they are, and nobody asks for the foreign one (${family})`, async () => {
      const { name, layers, diffIds, foreign } = await given(family);
      elsewhere.seen.length = 0;
      const pushed = [await push(at(registry.host, name)), await push(at(elsewhere.host, name))];
      assert.deepEqual(pushed.map(fates), [
        ['reused', 'mounted', 'mounted'],
        ['reused', 'sent', 'sent'],
      ]);
      assert.equal(new Set(pushed.map(({ digest }) => digest)).size, 1);
      for (const { target } of pushed) {
        const manifest = await read<Manifest>(target, 'latest');
        assert.deepEqual(manifest.layers.slice(0, -1), layers);
        const config = await repository(target).document(manifest.config.digest, NEVER);
        const { rootfs } = JSON.parse(config.toString()) as ImageConfig;
        assert.deepEqual(rootfs.diff_ids.slice(0, -1), diffIds);
        assert.equal(await repository(target).hasBlob(foreign, NEVER), false);
      }
      assert.ok(!elsewhere.seen.some(({ path }) => path.includes(foreign)));
    });

    it(`gives the same image in a folder, and from one (${family})`, async () => {
      const { name, layers, foreign } = await given(family);
      const { digest } = await push(at(registry.host, name));
      const written = join(folder, family);
      const context = { folder: written, onProgress: () => undefined, signal: NEVER };
      const image = await writeImage({ ...requestOn(at(registry.host, name)), names: ['latest'] }, context);
      assert.equal(image.digest, digest);
      assert.equal(existsSync(join(written, 'blobs', 'sha256', foreign.slice('sha256:'.length))), false);

      const index = JSON.parse(readFileSync(join(written, 'index.json'), 'utf8')) as Index;
      assert.deepEqual([index.manifests.length, index.manifests[0]?.digest], [1, digest]);
      const again = await push(await openLocalBase({ kind: 'oci', path: written, tag: undefined }, NEVER));
      assert.deepEqual(fates(again), ['reused', 'sent', 'sent', 'sent']);
      const { layers: next } = await read<Manifest>(again.target, 'latest');
      assert.deepEqual(next.slice(0, layers.length), layers);
    });
  }
});
