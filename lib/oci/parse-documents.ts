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

function fieldsOf(bytes: Buffer, what: string): Fields {
  try {
    const value: unknown = JSON.parse(bytes.toString());
    if (isFields(value)) return value;
  } catch {
    // Said below.
  }
  throw new DocumentError(`${what} is not JSON`);
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
