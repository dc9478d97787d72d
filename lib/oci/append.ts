import type { Compression } from '../packing/compression.ts';
import type { BaseImage, PlatformImage } from './base-image.ts';
import { digestOf } from './digest.ts';
import {
  type Descriptor,
  encodeDocument,
  type HistoryEntry,
  type ImageConfig,
  type Index,
  type Manifest,
} from './image.ts';
import { type AddedLabels, relabelled } from './labels.ts';
import { layerType } from './media-types.ts';
import { type RunSettings, withSettings } from './run-settings.ts';

/** A layer to add on top of a base. */
export interface AddedLayer {
  /** As the registry keeps it. */
  readonly digest: string;
  /** As the registry keeps it, in bytes. */
  readonly size: number;
  /** Digest of the uncompressed tar; the digest itself where it is not compressed. */
  readonly diffId: string;
  readonly compression: Compression;
  /** What it brought, as the image's history tells it. */
  readonly createdBy: string;
}

/** What to make of a base. */
export interface Addition {
  readonly layers: readonly AddedLayer[];
  readonly settings: RunSettings;
  /** Facts about the image as a whole, for manifests and indexes that can carry them. */
  readonly annotations: AddedLabels;
  /** When the image's content came to be; never the clock. */
  readonly created: Date;
}

/** A document of the new image, ready to be stored. */
export interface NewDocument {
  readonly mediaType: string;
  readonly digest: string;
  readonly bytes: Buffer;
}

/** A new image that exists so far only as documents. */
export interface NewImage {
  /** What tags point at: the index, or the only manifest. */
  readonly top: NewDocument;
  /** The manifests below the index; none where there is no index. */
  readonly manifests: readonly NewDocument[];
  readonly configs: readonly NewDocument[];
}

/** `subject` would say that the new image is an attachment of what its base is attached to; undefined is left out of JSON. */
const DETACHED = { subject: undefined };

/**
 * Puts layers and settings on every platform of a base. Pure: the same base and addition give the same bytes. Documents
 * stay in the families that the base has them in, and fields that this program does not know stay in them.
 */
export function append(base: BaseImage, addition: Addition): NewImage {
  const images = base.images.map((image) => appendTo(image, addition));
  const manifests = images.map(({ manifest }) => manifest);
  const configs = images.map(({ config }) => config);
  const [only] = manifests;
  if (base.index === undefined && only !== undefined) return { top: only, manifests: [], configs };
  return { top: indexOf(base, manifests, addition), manifests, configs };
}

function appendTo(
  { family, manifest, config }: PlatformImage,
  addition: Addition,
): { readonly manifest: NewDocument; readonly config: NewDocument } {
  const newConfig = document(family.config, appendToConfig(config, addition));
  const layers = addition.layers.map(({ digest, size, compression }): Descriptor => {
    return { mediaType: layerType(family, compression), size, digest };
  });
  const newManifest: Manifest = {
    ...manifest,
    ...DETACHED,
    mediaType: family.manifest,
    // What else the base says of its configuration, such as its bytes in `data`, is not true of the new one.
    config: { mediaType: family.config, size: newConfig.bytes.length, digest: newConfig.digest },
    layers: [...manifest.layers, ...layers],
    ...(family.annotated ? { annotations: relabelled(manifest.annotations, addition.annotations) } : {}),
  };
  return { manifest: document(family.manifest, newManifest), config: newConfig };
}

function appendToConfig(base: ImageConfig, { layers, settings, created }: Addition): ImageConfig {
  const when = timestamp(created);
  const history = base.history ?? [];
  const complete = history.filter(({ empty_layer }) => empty_layer !== true).length === base.rootfs.diff_ids.length;
  const added = layers.map(({ createdBy }): HistoryEntry => ({ created: when, created_by: createdBy }));
  return {
    ...base,
    created: when,
    config: withSettings(base.config ?? {}, settings),
    rootfs: { ...base.rootfs, diff_ids: [...base.rootfs.diff_ids, ...layers.map(({ diffId }) => diffId)] },
    // Readers count history against layers: one that does not add up already is better left alone.
    ...(complete ? { history: [...history, ...added] } : {}),
  };
}

function indexOf(
  { index, family, images }: BaseImage,
  manifests: readonly NewDocument[],
  { annotations }: Addition,
): NewDocument {
  // Of an entry only the platform comes along: its annotations and embedded data speak of the base's digest.
  const entries = manifests.map(({ mediaType, digest, bytes }, position): Descriptor => {
    const { platform } = images[position] ?? {};
    return { mediaType, size: bytes.length, digest, ...(platform === undefined ? {} : { platform }) };
  });
  const newIndex: Index = {
    ...index,
    ...DETACHED,
    schemaVersion: 2,
    mediaType: family.index,
    manifests: entries,
    ...(family.annotated ? { annotations: relabelled(index?.annotations, annotations) } : {}),
  };
  return document(family.index, newIndex);
}

function document(mediaType: string, content: Manifest | Index | ImageConfig): NewDocument {
  const bytes = encodeDocument(content);
  return { mediaType, digest: digestOf(bytes), bytes };
}

/** RFC 3339 in whole seconds, as the specification wants it. */
export function timestamp(date: Date): string {
  return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
}
