import { DocumentReader } from './document.ts';
import { type DigestedFile, inPathOrder, modelDigest } from './model-digest.ts';

/** The form of `model.json` that is written, and the only one that is read. */
const SCHEMA_VERSION = 1;

/** Where a model came from, as far as it is known. */
export interface ModelSource {
  readonly repository?: string;
  readonly commit?: string;
  readonly branch?: string;
  /** The run that published it, such as `train 20261124.3`. */
  readonly run?: string;
  readonly runUrl?: string;
  readonly author?: string;
}

/** The image layers that a model packs into: what a registry that has them already need not be sent. */
export interface PackedModel {
  /** Version of the packing rules that these digests hold for. */
  readonly format: number;
  /** Folder of the image that they hold for. */
  readonly folder: string;
  readonly layers: readonly PackedLayer[];
}

export interface PackedLayer {
  /** `sha256:` and 64 hexadecimal digits, of the uncompressed tar archive. */
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

/** What `model.json` says of a version of a model. */
export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly created: Date;
  /** See {@link modelDigest}. */
  readonly digest: string;
  /** Folder of the files, relative to the manifest. */
  readonly folder: string;
  /** In byte order of their paths. */
  readonly files: readonly DigestedFile[];
  readonly properties: Readonly<Record<string, string>>;
  readonly source: ModelSource;
  readonly packed?: PackedModel | undefined;
}

const SHA256 = /^[0-9a-f]{64}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const SOURCE_FIELDS = ['repository', 'commit', 'branch', 'run', 'runUrl', 'author'] as const;

export function writeManifest(manifest: Manifest): string {
  const { name, version, created, digest, folder, files, properties, source, packed } = manifest;
  const document = {
    schemaVersion: SCHEMA_VERSION,
    name,
    version,
    created: created.toISOString(),
    digest,
    folder,
    files: files.map(({ path, size, sha256 }) => ({ path, size, sha256 })),
    properties,
    source,
    packed,
  };
  return `${JSON.stringify(document, null, 2)}\n`;
}

/**
 * Reads `model.json`.
 *
 * @param uri where it was found, for messages
 * @throws DeliveryError `MANIFEST_INVALID`
 */
export function readManifest(text: string, uri: string): Manifest {
  const document = DocumentReader.parse(text, uri);
  const schema = document.count('schemaVersion');
  if (schema !== SCHEMA_VERSION) {
    throw document.invalid(`is of schema version ${schema}, and this task reads version ${SCHEMA_VERSION}`);
  }
  const files = document.list('files').map(readFile);
  const digest = document.text('digest', DIGEST);
  if (files.length === 0) throw document.invalid('lists no files');
  if (digest !== modelDigest(files)) throw document.invalid('has a digest that is not that of its files');
  const created = new Date(document.text('created'));
  if (Number.isNaN(created.getTime())) throw document.invalid('has no usable created');
  return {
    name: document.text('name'),
    version: document.text('version'),
    created,
    digest,
    folder: document.text('folder', /^files(?:\/[A-Za-z0-9]+)*$/),
    files: inPathOrder(files),
    properties: document.texts('properties'),
    source: readSource(document.object('source')),
    packed: document.has('packed') ? readPacked(document.object('packed')) : undefined,
  };
}

function readFile(file: DocumentReader): DigestedFile {
  return { path: file.text('path'), size: file.count('size'), sha256: file.text('sha256', SHA256) };
}

/** @throws DeliveryError `MANIFEST_INVALID` */
export function readSource(source: DocumentReader): ModelSource {
  return Object.fromEntries(
    SOURCE_FIELDS.filter((field) => source.has(field)).map((field) => [field, source.text(field)]),
  );
}

function readPacked(packed: DocumentReader): PackedModel {
  return {
    format: packed.count('format'),
    folder: packed.text('folder'),
    layers: packed.list('layers').map((layer) => ({ digest: layer.text('digest', DIGEST), size: layer.count('size') })),
  };
}
