import assert from 'node:assert/strict';
import { type Addition, append } from '../../../lib/oci/append.ts';
import type { BaseSource } from '../../../lib/oci/base-source.ts';
import type { BaseImage } from '../../../lib/oci/base-image.ts';
import { digestOf } from '../../../lib/oci/digest.ts';
import type { Descriptor, ImageConfig, Index, Manifest, Platform, RunConfig } from '../../../lib/oci/image.ts';
import { DOCKER, type MediaFamily, OCI } from '../../../lib/oci/media-types.ts';
import { withSettings } from '../../../lib/oci/run-settings.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const AMD64: Platform = { os: 'linux', architecture: 'amd64' };
const ARM64: Platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };

/** Appending is about documents: it never asks where they came from. */
const NOWHERE: BaseSource = {
  name: 'r/b:1',
  publicName: 'r/b:1',
  repository: undefined,
  partial: false,
  top: unasked,
  manifest: unasked,
  document: unasked,
  layer: unasked,
};

function unasked(): never {
  throw new Error('asked');
}

function base(family: MediaFamily, platforms: readonly Platform[], extra: Partial<ImageConfig> = {}): BaseImage {
  const images = platforms.map((platform) => ({
    platform,
    family,
    entry:
      platforms.length > 1
        ? { mediaType: family.manifest, digest: digest('e'), size: 1, platform, annotations: { old: 'x' } }
        : undefined,
    manifest: {
      ...({ schemaVersion: 2, mediaType: family.manifest, unknownField: [1] } as const),
      config: { mediaType: family.config, digest: digest('c'), size: 1 },
      layers: [{ mediaType: family.layers.gzip, digest: digest('b'), size: 7 }],
      annotations: { kept: 'yes', 'org.opencontainers.image.created': 'old' },
    },
    config: {
      ...platform,
      rootfs: { type: 'layers' as const, diff_ids: [digest('d')] },
      history: [{ created_by: 'base' }],
      ...extra,
    },
  }));
  const entries = images.flatMap(({ entry }) => (entry === undefined ? [] : [entry]));
  const index = entries.length > 0 ? ({ schemaVersion: 2, manifests: entries, unknownField: 2 } as const) : undefined;
  return { source: NOWHERE, digest: digest('a'), family, index, images, skipped: [] };
}

const addition: Addition = {
  layers: [{ digest: digest('1'), diffId: digest('1'), size: 100, compression: 'none', createdBy: 'model' }],
  settings: { user: '1000', labels: { a: 'b' } },
  annotations: { 'org.opencontainers.image.created': 'new' },
  created: new Date(1_764_000_000_999),
};
const parsed = ({ bytes }: { readonly bytes: Buffer }): unknown => JSON.parse(bytes.toString());
const typesOf = ({ config, layers }: Manifest): string[] =>
  [config, ...layers].map(({ mediaType }: Descriptor) => mediaType);

describe('appending to a base image', () => {
  it('adds layers to manifest, configuration and history alike', () => {
    const { top, configs } = append(base(OCI, [AMD64]), addition);
    const manifest = parsed(top) as Manifest;
    const [config] = configs;
    assert.ok(config !== undefined && configs.length === 1);
    assert.deepEqual(
      manifest.layers.map((layer) => [layer.digest, layer.size]),
      [
        [digest('b'), 7],
        [digest('1'), 100],
      ],
    );
    assert.deepEqual(manifest.config, {
      mediaType: OCI.config,
      digest: digestOf(config.bytes),
      size: config.bytes.length,
    });
    const made = parsed(config) as ImageConfig;
    assert.deepEqual(made.rootfs.diff_ids, [digest('d'), digest('1')]);
    assert.deepEqual(
      made.history?.map((entry) => entry.created_by),
      ['base', 'model'],
    );
    assert.equal(made.created, '2025-11-24T16:00:00Z');
    assert.equal(top.digest, digestOf(top.bytes));
  });

  it('keeps fields that it does not know', () => {
    const { top, configs } = append(base(OCI, [AMD64], { 'os.version': '1', variant: 'v2' }), addition);
    assert.deepEqual((parsed(top) as Manifest).unknownField, [1]);
    const [config] = configs.map((each) => parsed(each) as ImageConfig);
    assert.deepEqual([config?.['os.version'], config?.variant], ['1', 'v2']);
  });

  it('stays within the family of its base, and gives annotations only to OCI', () => {
    const oci = parsed(append(base(OCI, [AMD64]), addition).top) as Manifest;
    assert.deepEqual(typesOf(oci), [OCI.config, OCI.layers.gzip, OCI.layers.none]);
    assert.deepEqual(oci.annotations, { kept: 'yes', 'org.opencontainers.image.created': 'new' });
    const docker = parsed(append(base(DOCKER, [AMD64]), addition).top) as Manifest;
    assert.deepEqual(typesOf(docker), [DOCKER.config, DOCKER.layers.gzip, DOCKER.layers.none]);
    assert.equal(docker.mediaType, DOCKER.manifest);
  });

  it('keeps each manifest of an index in the family that it has, also where the index is of another', () => {
    const mixed = { ...base(DOCKER, [AMD64, ARM64]), family: OCI };
    const { top, manifests } = append(mixed, addition);
    const { mediaType, manifests: entries } = parsed(top) as Index;
    assert.deepEqual(
      [mediaType, ...entries.map((entry) => entry.mediaType)],
      [OCI.index, DOCKER.manifest, DOCKER.manifest],
    );
    for (const manifest of manifests.map((each) => parsed(each) as Manifest)) {
      assert.equal(manifest.mediaType, DOCKER.manifest);
      assert.deepEqual(typesOf(manifest), [DOCKER.config, DOCKER.layers.gzip, DOCKER.layers.none]);
    }
  });

  it('says of its configuration nothing that its base said of the old one', () => {
    const told = base(OCI, [AMD64]);
    const images = told.images.map(({ manifest, ...image }) => {
      const config = { ...manifest.config, data: 'e30=', annotations: { of: 'the base' } };
      return { ...image, manifest: { ...manifest, config } };
    });
    const { config } = parsed(append({ ...told, images }, addition).top) as Manifest;
    assert.deepEqual(Object.keys(config).sort(), ['digest', 'mediaType', 'size']);
  });

  it('drops what its base says and is true no more, and leaves the rest', () => {
    const annotations = { 'org.opencontainers.image.created': undefined };
    const labelled = base(OCI, [AMD64], { config: { Labels: { a: 'old', b: 'kept' } } });
    const { top, configs } = append(labelled, { ...addition, annotations, settings: { labels: { a: undefined } } });
    assert.deepEqual((parsed(top) as Manifest).annotations, { kept: 'yes' });
    assert.deepEqual(
      configs.map((each) => (parsed(each) as ImageConfig).config?.Labels),
      [{ b: 'kept' }],
    );
  });

  it('does so for each platform of an index, whose entries keep their platforms and nothing that spoke of the base', () => {
    const { top, manifests, configs } = append(base(OCI, [AMD64, ARM64]), addition);
    const index = parsed(top) as Index;
    assert.equal(configs.length, 2);
    assert.deepEqual(
      index.manifests,
      manifests.map(({ digest, bytes }, position) => ({
        mediaType: OCI.manifest,
        size: bytes.length,
        digest,
        platform: [AMD64, ARM64][position],
      })),
    );
    assert.equal(index.unknownField, 2);
  });

  it('leaves a history alone that does not add up', () => {
    const { configs } = append(base(OCI, [AMD64], { history: [] }), addition);
    assert.deepEqual(
      configs.map((each) => (parsed(each) as ImageConfig).history),
      [[]],
    );
  });

  it('is no attachment of what its base was attached to', () => {
    const attached = base(OCI, [AMD64]);
    const images = attached.images.map((image) => ({
      ...image,
      manifest: { ...image.manifest, subject: { digest: digest('s') } },
    }));
    assert.ok(!('subject' in (parsed(append({ ...attached, images }, addition).top) as Manifest)));
  });
});

describe('settings of an image', () => {
  const old: RunConfig = {
    Entrypoint: ['old'],
    Cmd: ['args'],
    Env: ['A=1', 'B=x=y'],
    Labels: { a: '1' },
    StopSignal: 'SIGINT',
    User: 'u',
  };

  it('stay as they are where nothing is said', () => {
    assert.deepEqual(withSettings(old, {}), old);
  });

  it('forget the command with the old entry point, unless there is a new one', () => {
    assert.deepEqual(
      [withSettings(old, { entrypoint: ['new'] }).Cmd, withSettings(old, { command: ['x'] }).Entrypoint],
      [null, ['old']],
    );
    assert.deepEqual(withSettings(old, { entrypoint: ['new'], command: ['x'] }).Cmd, ['x']);
  });

  it('replace variables, labels and ports of the same name in their place and add others', () => {
    const made = withSettings(old, { env: { B: '2', C: '3=4' }, labels: { a: '2', b: '3' }, ports: ['80/tcp'] });
    assert.deepEqual(made.Env, ['A=1', 'B=2', 'C=3=4']);
    assert.deepEqual(made.Labels, { a: '2', b: '3' });
    assert.deepEqual(made.ExposedPorts, { '80/tcp': {} });
  });
});
