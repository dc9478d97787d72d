import { readBaseImage } from './base-image.ts';
import type { BaseSource } from './base-source.ts';
import { encodeDocument, formatPlatform, type Manifest } from './image.ts';
import { compressionOf, isForeign } from './media-types.ts';

/**
 * An image that was built upon another: what comes out of an engine has every layer as it is on disk, so the layers
 * below are put back to what they were in their registry. There they have the digests that others know: they can be
 * taken over inside a registry, stay compressed, and nodes that have the base do not pull them again.
 *
 * @param origin the image that it was built upon
 * @returns undefined where it was not built upon that one after all, as when a tag has moved since it was pulled
 */
export async function withLayersOf(
  built: BaseSource,
  origin: BaseSource,
  signal: AbortSignal,
): Promise<BaseSource | undefined> {
  const { index, images, family, digest } = await readBaseImage(built, [], signal);
  const [image] = images;
  if (index !== undefined || image === undefined) return undefined;
  const { images: below, digest: publicDigest } = await readBaseImage(origin, [formatPlatform(image.platform)], signal);
  const { manifest, config } = below[0] ?? image;
  const diffIds = image.config.rootfs.diff_ids;
  if (config.rootfs.diff_ids.some((diffId, position) => diffId !== diffIds[position])) return undefined;
  const known = manifest.layers.flatMap((layer) => {
    const mediaType = family.layers[compressionOf(layer.mediaType)];
    return mediaType === undefined || isForeign(layer.mediaType) ? [] : [{ ...layer, mediaType }];
  });
  if (known.length < manifest.layers.length) return undefined;
  const mended: Manifest = {
    ...image.manifest,
    layers: [...known, ...image.manifest.layers.slice(known.length)],
  };
  const ofOrigin = new Set(known.map((layer) => layer.digest));
  return {
    ...built,
    publicName: origin.publicName,
    publicDigest,
    repository: origin.repository,
    top: () => Promise.resolve({ mediaType: family.manifest, digest, bytes: encodeDocument(mended) }),
    layer: (layer) => (ofOrigin.has(layer.digest) ? origin.layer(layer) : built.layer(layer)),
  };
}
