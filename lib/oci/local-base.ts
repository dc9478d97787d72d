import { stat } from 'node:fs/promises';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import type { LayerIdentity } from '../packing/layer-digest.ts';
import { NotATarError } from '../packing/tar-index.ts';
import type { BaseSource } from './base-source.ts';
import type { BlobSource } from './blob-source.ts';
import { digestOf } from './digest.ts';
import { type FileTree, folderTree, readDocument, tarTree } from './file-tree.ts';
import { type Descriptor, encodeDocument, type Manifest } from './image.ts';
import { formatImage, parseImageName } from './image-name.ts';
import { DOCKER } from './media-types.ts';
import { DocumentError, parseConfig, parseIndex, parseSavedImages, type SavedImage } from './parse-documents.ts';
import { mediaTypeOf, type StoredManifest } from './repository.ts';

/** A base image in files: the kind of files, where they are, and which of the images in them. */
export interface LocalBase {
  readonly kind: 'oci' | 'docker-archive';
  /** A folder for `oci`, a file for `docker-archive`. */
  readonly path: string;
  /** The name or tag of one of several images; undefined: there is only one. */
  readonly tag: string | undefined;
}

/**
 * Reads `oci:FOLDER[:TAG]` and `docker-archive:FILE[:TAG]`, as skopeo writes them; undefined for anything else, which is
 * then the name of an image in a registry.
 */
export function parseLocalBase(text: string): LocalBase | undefined {
  const [, kind, path = '', tag] = /^(oci|docker-archive):((?:[A-Za-z]:)?[^:]+)(?::(.+))?$/.exec(text) ?? [];
  return kind === 'oci' || kind === 'docker-archive' ? { kind, path, tag } : undefined;
}

/**
 * Opens a base image on this machine: an OCI image layout, or an archive of `docker save` in its new form (an OCI image
 * layout too) or its old one.
 *
 * @throws DeliveryError `IMAGE_NOT_FOUND`, `BASE_IMAGE_UNSUPPORTED`
 */
export async function openLocalBase(base: LocalBase, signal: AbortSignal): Promise<BaseSource> {
  try {
    return await open(base, signal);
  } catch (error) {
    throw error instanceof DocumentError ? unsupported(base, error.message) : error;
  }
}

async function open(base: LocalBase, signal: AbortSignal): Promise<BaseSource> {
  const tree = await openTree(base);
  const index = await readDocument(tree, 'index.json', signal);
  if (index !== undefined) return layoutBase(base, tree, chooseEntry(base, index));
  const saved = base.kind === 'oci' ? undefined : await readDocument(tree, 'manifest.json', signal);
  if (saved !== undefined) return savedBase(base, tree, chooseSaved(base, saved), signal);
  throw unsupported(base, 'it holds no index.json, which each image layout has');
}

async function openTree(base: LocalBase): Promise<FileTree> {
  const { kind, path } = base;
  const found = await stat(path).catch(() => undefined);
  const isRight = kind === 'oci' ? found?.isDirectory() : found?.isFile();
  if (isRight !== true) {
    throw new DeliveryError('IMAGE_NOT_FOUND', {
      message: `The base image ${nameOf(base)} is not there: ${path} is no ${kind === 'oci' ? 'folder' : 'file'}.`,
      remedy: 'Check the path, and the step that writes it.',
    });
  }
  if (kind === 'oci') return folderTree(path);
  try {
    return await tarTree(path);
  } catch (error) {
    if (error instanceof NotATarError) throw unsupported(base, `${messageOf(error)}; unpack it if it is compressed`);
    throw error;
  }
}

/** An image of an OCI image layout ("OCI Image Layout Specification"). */
function layoutBase(base: LocalBase, tree: FileTree, entry: Descriptor): BaseSource {
  const manifest = async (digest: string, signal: AbortSignal): Promise<StoredManifest | undefined> => {
    const bytes = await readDocument(tree, blobPath(digest), signal);
    return bytes && { mediaType: mediaTypeOf(bytes, undefined), digest: checked(base, digest, bytes), bytes };
  };
  return {
    name: nameOf(base),
    publicName: publicNameOf(entry.annotations?.['io.containerd.image.name']) ?? publicNameOf(refNameOf(entry)),
    repository: undefined,
    partial: true,
    top: (signal) => manifest(entry.digest, signal),
    manifest,
    document: async (digest, signal) => {
      const bytes = await readDocument(tree, blobPath(digest), signal);
      if (bytes === undefined) throw unsupported(base, `it lacks the configuration ${digest}`);
      checked(base, digest, bytes);
      return bytes;
    },
    layer: (layer) => layerIn(base, tree, blobPath(layer.digest), layer),
  };
}

/** An image of `docker save` as it was before Docker 25: no manifest, and layers as they are on disk. */
async function savedBase(
  base: LocalBase,
  tree: FileTree,
  { config, tags, layers }: SavedImage,
  signal: AbortSignal,
): Promise<BaseSource> {
  const bytes = await readDocument(tree, config, signal);
  if (bytes === undefined) throw unsupported(base, `it lacks its configuration ${config}`);
  const id = digestOf(bytes);
  const [hex] = /[0-9a-f]{64}/.exec(config) ?? [];
  if (hex !== undefined) checked(base, `sha256:${hex}`, bytes);
  const paths = new Map<string, string>();
  const descriptors: Descriptor[] = [];
  for (const [index, digest] of parseConfig(bytes).rootfs.diff_ids.entries()) {
    const path = layers[index] ?? '';
    const file = await tree.find(path);
    if (file === undefined) throw unsupported(base, `it lacks its layer ${path}`);
    paths.set(digest, path);
    descriptors.push({ mediaType: DOCKER.layers.none, digest, size: file.size });
  }
  const manifest: Manifest = {
    ...({ schemaVersion: 2, mediaType: DOCKER.manifest } as const),
    config: { mediaType: DOCKER.config, digest: id, size: bytes.length },
    layers: descriptors,
  };
  return {
    name: nameOf(base),
    publicName: publicNameOf(tags[0]),
    repository: undefined,
    partial: false,
    // Nobody knows the digest of a manifest that was made here: the image goes by its id, as Docker shows it.
    top: () => Promise.resolve({ mediaType: DOCKER.manifest, digest: id, bytes: encodeDocument(manifest) }),
    manifest: () => Promise.resolve(undefined),
    document: () => Promise.resolve(bytes),
    layer: (layer) => layerIn(base, tree, paths.get(layer.digest) ?? '', layer),
  };
}

function layerIn(base: LocalBase, tree: FileTree, path: string, { digest, size }: LayerIdentity): BlobSource {
  return {
    name: `layer ${digest.slice(0, 19)} of ${nameOf(base)}`,
    size,
    open: async function* (offset, signal) {
      const file = await tree.find(path);
      if (file?.size !== size) throw unsupported(base, `its layer ${path} is missing or not of ${size} bytes`);
      yield* file.open(offset, signal);
    },
  };
}

function chooseEntry(base: LocalBase, bytes: Buffer): Descriptor {
  const entries = parseIndex(bytes).manifests;
  const names = (entry: Descriptor): readonly string[] =>
    [refNameOf(entry), entry.annotations?.['io.containerd.image.name']].flatMap((name) => name ?? []);
  return choose(base, entries, names);
}

function chooseSaved(base: LocalBase, bytes: Buffer): SavedImage {
  return choose(base, parseSavedImages(bytes), ({ tags }) => tags);
}

function choose<Image>(base: LocalBase, images: readonly Image[], namesOf: (image: Image) => readonly string[]): Image {
  const { tag } = base;
  const wanted =
    tag === undefined ? images : images.filter((image) => namesOf(image).some((name) => isName(name, tag)));
  const [only] = wanted;
  if (only !== undefined && wanted.length === 1) return only;
  const names = images.flatMap(namesOf).join(', ') || 'none that has a name';
  throw new DeliveryError('IMAGE_NOT_FOUND', {
    message: `${nameOf(base)} names ${wanted.length === 0 ? 'no image' : `${wanted.length} images`} of that ${base.kind === 'oci' ? 'layout' : 'archive'}.`,
    remedy: `Put the name of one behind the path, after a colon; there are: ${names}.`,
  });
}

/** `1.0` and `app:1.0` both mean `docker.io/library/app:1.0`. */
function isName(name: string, wanted: string): boolean {
  return name === wanted || name.endsWith(`/${wanted}`) || name.endsWith(`:${wanted}`);
}

function refNameOf({ annotations }: Descriptor): string | undefined {
  return annotations?.['org.opencontainers.image.ref.name'];
}

/** A name that says where an image comes from; a mere tag does not. */
function publicNameOf(name: string | undefined): string | undefined {
  if (name === undefined || !/[/:]/.test(name)) return undefined;
  try {
    return formatImage(parseImageName(name));
  } catch {
    return undefined;
  }
}

function blobPath(digest: string): string {
  return `blobs/${digest.replace(':', '/')}`;
}

/** The digest, if the bytes are those of it. */
function checked(base: LocalBase, digest: string, bytes: Buffer): string {
  const found = digestOf(bytes);
  if (found === digest) return digest;
  throw unsupported(base, `a file of it has the digest ${found}, not ${digest}`);
}

function nameOf({ kind, path, tag }: LocalBase): string {
  return `${kind}:${path}${tag === undefined ? '' : `:${tag}`}`;
}

function unsupported(base: LocalBase, problem: string): DeliveryError {
  return new DeliveryError('BASE_IMAGE_UNSUPPORTED', {
    message: `The base image ${nameOf(base)} cannot be built upon: ${problem}.`,
    remedy: 'Write it again with docker save or skopeo copy.',
  });
}
