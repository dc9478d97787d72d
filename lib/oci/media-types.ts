import { DeliveryError } from '../errors/delivery-error.ts';
import type { Compression } from '../packing/compression.ts';

/** The two families of image formats. A manifest is all of one: engines refuse mixtures. An index may be of the other. */
export interface MediaFamily {
  readonly name: 'OCI' | 'Docker';
  readonly index: string;
  readonly manifest: string;
  readonly config: string;
  /** A tar layer by its compression; undefined where the family has no such layers. */
  readonly layers: Readonly<Record<Exclude<Compression, 'zstd'>, string> & Record<'zstd', string | undefined>>;
  /** Whether manifests and indexes may carry annotations. */
  readonly annotated: boolean;
}

// OCI image specification 1.1, "Media Types".
export const OCI: MediaFamily = {
  name: 'OCI',
  index: 'application/vnd.oci.image.index.v1+json',
  manifest: 'application/vnd.oci.image.manifest.v1+json',
  config: 'application/vnd.oci.image.config.v1+json',
  layers: {
    none: 'application/vnd.oci.image.layer.v1.tar',
    gzip: 'application/vnd.oci.image.layer.v1.tar+gzip',
    zstd: 'application/vnd.oci.image.layer.v1.tar+zstd',
  },
  annotated: true,
};

// Docker image manifest version 2, schema 2.
export const DOCKER: MediaFamily = {
  name: 'Docker',
  index: 'application/vnd.docker.distribution.manifest.list.v2+json',
  manifest: 'application/vnd.docker.distribution.manifest.v2+json',
  config: 'application/vnd.docker.container.image.v1+json',
  layers: {
    none: 'application/vnd.docker.image.rootfs.diff.tar',
    gzip: 'application/vnd.docker.image.rootfs.diff.tar.gzip',
    zstd: undefined,
  },
  annotated: false,
};

const FAMILIES = [OCI, DOCKER];

/** What a client takes when it asks for a manifest. */
export const MANIFEST_TYPES = FAMILIES.flatMap(({ index, manifest }) => [index, manifest]);

/** The family of an index or a manifest, and which of the two it is; undefined for anything else. */
export function kindOf(mediaType: string): { readonly family: MediaFamily; readonly isIndex: boolean } | undefined {
  const family = FAMILIES.find(({ index, manifest }) => mediaType === index || mediaType === manifest);
  return family && { family, isIndex: mediaType === family.index };
}

/**
 * The type of a layer of an image.
 *
 * @throws DeliveryError `COMPRESSION_UNSUPPORTED`
 */
export function layerType(family: MediaFamily, compression: Compression): string {
  const type = family.layers[compression];
  if (type !== undefined) return type;
  throw new DeliveryError('COMPRESSION_UNSUPPORTED', {
    message: `The base image is in ${family.name} format, which has no layers compressed with ${compression}.`,
    remedy: 'Choose gzip or none, or a base image in OCI format.',
  });
}

/** How a layer of either family is compressed. */
export function compressionOf(mediaType: string): Compression {
  const [, word] = /[.+](gzip|zstd)$/.exec(mediaType) ?? [];
  return word === 'gzip' || word === 'zstd' ? word : 'none';
}

/** Layers that registries do not hold themselves; they are passed on by their addresses (`urls`). */
export function isForeign(mediaType: string): boolean {
  return /\.nondistributable\.|\.rootfs\.foreign\./.test(mediaType);
}
