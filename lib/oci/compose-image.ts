// What becomes of a base and further layers, wherever that goes.
import { DeliveryError } from '../errors/delivery-error.ts';
import { append, type NewImage } from './append.ts';
import type { BaseImage } from './base-image.ts';
import type { BaseSource } from './base-source.ts';
import type { Descriptor } from './image.ts';
import type { RepositoryName } from './image-name.ts';
import type { AddedLabels } from './labels.ts';
import type { LayerGroup } from './layer-group.ts';
import { compressionOf, isForeign, layerType } from './media-types.ts';
import type { RunSettings } from './run-settings.ts';
import type { LayerFate, WantedLayer } from './transfer-layers.ts';

/** An image to make of a base and further layers. */
export interface ImageRequest {
  readonly base: BaseSource;
  /** Platforms of the base to build for; none: all that can be. */
  readonly platforms: readonly string[];
  /** In the order in which their layers lie upon the base. */
  readonly groups: readonly LayerGroup[];
  readonly settings: RunSettings;
  /** What to say about the image, in labels and annotations, once its base is known. */
  readonly about: (base: BaseImage) => AddedLabels;
  /** More annotations. */
  readonly annotations: Readonly<Record<string, string>>;
  readonly created: Date;
}

/**
 * Refuses what the base's format cannot hold while nothing has been sent yet.
 *
 * @throws DeliveryError `COMPRESSION_UNSUPPORTED`, `ANNOTATIONS_UNSUPPORTED`
 */
export function checkFamily(
  { family, images, source }: BaseImage,
  { groups, annotations }: Pick<ImageRequest, 'groups' | 'annotations'>,
): void {
  const families = [family, ...images.map((image) => image.family)];
  for (const { compression } of groups) for (const each of families) layerType(each, compression);
  const bare = families.find(({ annotated }) => !annotated);
  if (bare === undefined || Object.keys(annotations).length === 0) return;
  throw new DeliveryError('ANNOTATIONS_UNSUPPORTED', {
    message: `The base image ${source.name} is in ${bare.name} format, which has no annotations.`,
    remedy: 'Use labels, or a base image in OCI format: skopeo copy --format oci makes one.',
  });
}

/**
 * The base's layers, each once however many platforms share it.
 *
 * @param target where they shall go; undefined: nowhere that could take them over
 */
export function baseLayers({ source, images }: BaseImage, target: RepositoryName | undefined): readonly WantedLayer[] {
  const mountFrom =
    source.repository !== undefined && source.repository.registry === target?.registry
      ? [source.repository.repository]
      : [];
  const unique = new Map<string, { readonly layer: Descriptor; readonly diffId: string | undefined }>();
  for (const { manifest, config } of images) {
    for (const [index, layer] of manifest.layers.entries()) {
      unique.set(layer.digest, { layer, diffId: config.rootfs.diff_ids[index] });
    }
  }
  return [...unique.values()].map(({ layer: { digest, size, mediaType }, diffId }) => ({
    group: 'base',
    known: { digest, size },
    compression: compressionOf(mediaType),
    diffId: () => diffId,
    volume: size,
    mountFrom,
    source: source.layer({ digest, size }),
    foreign: isForeign(mediaType),
  }));
}

/** The documents of the image, once all is known of the layers that are added to its base. */
export function assemble(request: ImageRequest, base: BaseImage, added: readonly LayerFate[]): NewImage {
  const about = request.about(base);
  const listed = request.groups.flatMap(({ name, content }): [string, string][] => {
    const digests = added.filter(({ group }) => group === name).map(({ digest }) => digest);
    return content === undefined
      ? []
      : Object.entries(content.labels).concat([[content.layersLabel, digests.join(',')]]);
  });
  const targets = new Map(request.groups.map(({ name, target }) => [name, target]));
  return append(base, {
    layers: added.map(({ group, digest, size, diffId, compression }) => ({
      digest,
      size,
      diffId,
      compression,
      createdBy: `BundleModelImage: ${group} into ${targets.get(group) ?? ''}`,
    })),
    settings: { ...request.settings, labels: { ...about, ...Object.fromEntries(listed), ...request.settings.labels } },
    annotations: { ...about, ...request.annotations },
    created: request.created,
  });
}
