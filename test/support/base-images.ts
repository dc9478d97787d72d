import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { append } from '../../lib/oci/append.ts';
import { registryBase } from '../../lib/oci/base-source.ts';
import type { BaseImage } from '../../lib/oci/base-image.ts';
import { digestOf } from '../../lib/oci/digest.ts';
import type { Descriptor, ImageConfig, Platform } from '../../lib/oci/image.ts';
import { DOCKER, type MediaFamily, OCI } from '../../lib/oci/media-types.ts';
import { RegistryClient } from '../../lib/oci/registry-client.ts';
import { Repository } from '../../lib/oci/repository.ts';
import { layerOf } from '../../lib/packing/layer.ts';
import { readLayer } from '../../lib/packing/read-layer.ts';
import { buffer } from 'node:stream/consumers';
import { memoryFile } from './memory-file.ts';

const NEVER = new AbortController().signal;
const AMD64: Platform = { os: 'linux', architecture: 'amd64' };
const ARM64: Platform = { os: 'linux', architecture: 'arm64', variant: 'v8' };

/** A base image small enough to make in a test: one file, and settings of which some are nobody's business. */
export interface BaseOptions {
  readonly family?: MediaFamily;
  /** Several make an index, with an attestation as BuildKit puts beside each image. */
  readonly platforms?: readonly Platform[];
  readonly config?: Partial<ImageConfig>;
}

export const PLATFORMS = { AMD64, ARM64 };
export const FAMILIES = { OCI, DOCKER };

/** Puts a base image into a repository and gives the digest that its tag points at. */
export async function pushBaseImage(
  repository: Repository,
  tag: string,
  { family = OCI, platforms = [AMD64], config = {} }: BaseOptions = {},
): Promise<string> {
  const entries = await Promise.all(platforms.map((platform) => pushPlatform(repository, family, platform, config)));
  const [first] = entries;
  if (first !== undefined && entries.length === 1) {
    const stored = await repository.manifest(first.digest, NEVER);
    if (stored === undefined) throw new Error('the manifest did not arrive');
    await repository.putManifest(tag, stored, NEVER);
    return first.digest;
  }
  const attestation = {
    ...(first ?? { mediaType: '', digest: '', size: 0 }),
    platform: { os: 'unknown', architecture: 'unknown' },
    annotations: { 'vnd.docker.reference.type': 'attestation-manifest' },
  };
  const manifests = family === OCI ? [...entries, attestation] : entries;
  const index = Buffer.from(JSON.stringify({ schemaVersion: 2, mediaType: family.index, manifests }));
  await repository.putManifest(tag, { mediaType: family.index, bytes: index }, NEVER);
  return digestOf(index);
}

/** Puts the simplest base image into a repository of a registry that everybody may push to, and gives its name. */
export async function pushSimpleBase(registry: string, repository: string): Promise<string> {
  const dispatcher = createDispatcher();
  try {
    const client = new RegistryClient({ registry, dispatcher });
    await pushBaseImage(new Repository(client, { registry, repository }, 'pull,push'), '1');
    return `${registry}/${repository}:1`;
  } finally {
    await dispatcher.destroy();
  }
}

async function pushPlatform(
  repository: Repository,
  family: MediaFamily,
  platform: Platform,
  extra: Partial<ImageConfig>,
): Promise<Descriptor> {
  const content = memoryFile('etc/os-release', `ID=test\nVARIANT=${platform.architecture}\n`);
  const file = { type: 'file', path: content.path, size: content.size, executable: false, file: content } as const;
  const layer = await buffer(readLayer(layerOf([file]), 0, NEVER));
  await repository.putDocument(layer, NEVER);
  const nothing: BaseImage = {
    source: registryBase(repository.client, { ...repository.name, tag: undefined, digest: undefined }),
    digest: '',
    family,
    index: undefined,
    images: [
      {
        platform,
        entry: undefined,
        family,
        manifest: { schemaVersion: 2, config: { mediaType: family.config, digest: '', size: 0 }, layers: [] },
        config: { ...platform, rootfs: { type: 'layers', diff_ids: [] }, ...extra },
      },
    ],
    skipped: [],
  };
  const { top, configs } = append(nothing, {
    layers: [
      {
        digest: digestOf(layer),
        diffId: digestOf(layer),
        size: layer.length,
        compression: 'none',
        createdBy: 'base',
      },
    ],
    settings: {},
    annotations: {},
    created: new Date(extra.created ?? 0),
  });
  for (const { bytes } of configs) await repository.putDocument(bytes, NEVER);
  await repository.putManifest(top.digest, top, NEVER);
  return { mediaType: family.manifest, digest: top.digest, size: top.bytes.length, platform };
}
