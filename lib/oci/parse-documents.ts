import type { Descriptor, ImageConfig, Index, Manifest, Platform } from './image.ts';

/** Thrown for a document that is not what it should be; says in what. */
export class DocumentError extends Error {
  override readonly name = 'DocumentError';
}

type Fields = Readonly<Record<string, unknown>>;

/** Reads an image manifest. @throws DocumentError */
export function parseManifest(bytes: Buffer): Manifest {
  const fields = fieldsOf(bytes, 'its manifest');
  const { config, layers } = fields;
  if (!isDescriptor(config) || !isListOf(layers, isDescriptor)) throw new DocumentError('its manifest is damaged');
  return { ...fields, schemaVersion: 2, config, layers };
}

/** Reads an index. @throws DocumentError */
export function parseIndex(bytes: Buffer): Index {
  const fields = fieldsOf(bytes, 'its index');
  const { manifests } = fields;
  if (!isListOf(manifests, isDescriptor)) throw new DocumentError('its index is damaged');
  return { ...fields, schemaVersion: 2, manifests };
}

/** Reads an image configuration. @throws DocumentError */
export function parseConfig(bytes: Buffer): ImageConfig {
  const fields = fieldsOf(bytes, 'its configuration');
  const { rootfs, os, architecture } = fields;
  const diffIds = isFields(rootfs) ? rootfs.diff_ids : undefined;
  if (!isText(os) || !isText(architecture) || !isFields(rootfs) || !isListOf(diffIds, isText)) {
    throw new DocumentError('its configuration is damaged');
  }
  return { ...fields, os, architecture, rootfs: { ...rootfs, type: 'layers', diff_ids: diffIds } };
}

/** An image in the `manifest.json` of `docker save`. */
export interface SavedImage {
  /** Path of its configuration. */
  readonly config: string;
  readonly tags: readonly string[];
  /** Paths of its layers, lowest first. */
  readonly layers: readonly string[];
}

/** Reads the `manifest.json` of `docker save`. @throws DocumentError */
export function parseSavedImages(bytes: Buffer): readonly SavedImage[] {
  const images = valueOf(bytes, 'its manifest.json');
  if (!isListOf(images, isFields)) throw new DocumentError('its manifest.json is damaged');
  return images.map(({ Config: config, RepoTags: tags, Layers: layers }) => {
    if (!isText(config) || !isListOf(layers, isText)) throw new DocumentError('its manifest.json is damaged');
    return { config, layers, tags: isListOf(tags, isText) ? tags : [] };
  });
}

function fieldsOf(bytes: Buffer, what: string): Fields {
  const value = valueOf(bytes, what);
  if (isFields(value)) return value;
  throw new DocumentError(`${what} is damaged`);
}

function valueOf(bytes: Buffer, what: string): unknown {
  try {
    return JSON.parse(bytes.toString());
  } catch {
    throw new DocumentError(`${what} is not JSON`);
  }
}

function isDescriptor(value: unknown): value is Descriptor {
  if (!isFields(value)) return false;
  const { mediaType, digest, size, platform } = value;
  const sized = Number.isSafeInteger(size) && Number(size) >= 0;
  return isText(mediaType) && isText(digest) && sized && (platform === undefined || isPlatformShape(platform));
}

function isPlatformShape(value: unknown): value is Platform {
  return isFields(value) && isText(value.os) && isText(value.architecture);
}

function isListOf<Item>(value: unknown, isItem: (item: unknown) => item is Item): value is Item[] {
  return Array.isArray(value) && value.every(isItem);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function isText(value: unknown): value is string {
  return typeof value === 'string';
}
