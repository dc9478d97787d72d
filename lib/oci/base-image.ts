import { DeliveryError } from '../errors/delivery-error.ts';
import { formatImage, type ImageName, referenceOf } from './image-name.ts';
import {
  type Descriptor,
  formatPlatform,
  type ImageConfig,
  type Index,
  type Manifest,
  type Platform,
} from './image.ts';
import { kindOf, type MediaFamily } from './media-types.ts';
import { DocumentError, parseConfig, parseIndex, parseManifest } from './parse-documents.ts';
import type { Repository, StoredManifest } from './repository.ts';

/** One platform's image of a base. */
export interface PlatformImage {
  readonly platform: Platform;
  /** Its entry in the index; undefined where the base has no index. */
  readonly entry: Descriptor | undefined;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** An image to build upon, read from its registry, every digest checked. */
export interface BaseImage {
  readonly name: ImageName;
  /** What the tag or digest that was asked for is: the digest of an index or a manifest. */
  readonly digest: string;
  readonly family: MediaFamily;
  readonly index: Index | undefined;
  readonly images: readonly PlatformImage[];
  /** Platforms that are left behind, because nothing can be added to them. */
  readonly skipped: readonly string[];
}

/** Which base, and what of it. */
export interface BaseRequest {
  readonly name: ImageName;
  /** Platforms such as `linux/arm64`; none: all. */
  readonly platforms: readonly string[];
}

/**
 * Reads a base image: one manifest, or an index with all its platforms or those that are wanted. Platforms other than
 * Linux are left behind, since their layers are made differently; so are attestations, which speak of other digests.
 *
 * @throws DeliveryError `IMAGE_NOT_FOUND`, `BASE_IMAGE_UNSUPPORTED`, `PLATFORM_NOT_FOUND`
 */
export async function readBaseImage(
  repository: Repository,
  request: BaseRequest,
  signal: AbortSignal,
): Promise<BaseImage> {
  const { name } = request;
  const top = await repository.manifest(referenceOf(name), signal);
  if (top === undefined) throw notFound(name);
  try {
    const kind = kindOf(top.mediaType) ?? kindByShape(top);
    if (kind === undefined) throw new DocumentError(`it is of the type ${plainWord(top.mediaType)}`);
    const facts = { name, digest: top.digest, family: kind.family };
    return kind.isIndex
      ? { ...facts, ...(await readIndex(repository, request, top, signal)) }
      : { ...facts, ...(await readSingle(repository, request, top, signal)) };
  } catch (error) {
    throw error instanceof DocumentError ? unsupported(name, error) : error;
  }
}

/** Whether a platform is the one that `linux/arm64` or `linux/arm64/v8` names; a variant left out means any. */
export function isPlatform(platform: Platform, text: string): boolean {
  const [os, architecture, variant] = text.split('/');
  const sameVariant = variant === undefined || platform.variant === variant;
  return platform.os === os && platform.architecture === architecture && sameVariant;
}

type Read = Pick<BaseImage, 'index' | 'images' | 'skipped'>;

async function readSingle(
  repository: Repository,
  { name, platforms }: BaseRequest,
  top: StoredManifest,
  signal: AbortSignal,
): Promise<Read> {
  const image = await readPlatform(repository, top, undefined, signal);
  checkPlatforms(name, platforms, [image.platform]);
  if (image.platform.os !== 'linux')
    throw new DocumentError(`it is for ${plainWord(image.platform.os)}, not for Linux`);
  return { index: undefined, images: [image], skipped: [] };
}

async function readIndex(
  repository: Repository,
  { name, platforms }: BaseRequest,
  top: StoredManifest,
  signal: AbortSignal,
): Promise<Read> {
  const index = parseIndex(top.bytes);
  const all = index.manifests.filter(isImage);
  const linux = all.filter(({ platform }) => platform?.os === 'linux');
  if (linux.length === 0) throw new DocumentError('it has no image for Linux');
  const there = linux.flatMap(({ platform }) => platform ?? []);
  checkPlatforms(name, platforms, there);
  const chosen = linux.filter(
    ({ platform }) => platform && (platforms.length === 0 || platforms.some((text) => isPlatform(platform, text))),
  );
  const images = await Promise.all(
    chosen.map(async (entry) => {
      const stored = await repository.manifest(entry.digest, signal);
      if (stored === undefined) throw new DocumentError('its registry lacks a manifest that its index names');
      if (kindOf(stored.mediaType)?.isIndex !== false) throw new DocumentError('its index holds more than images');
      return readPlatform(repository, stored, entry, signal);
    }),
  );
  const others = all.filter((entry) => !linux.includes(entry));
  return { index, images, skipped: others.map(({ platform }) => (platform ? formatPlatform(platform) : 'unknown')) };
}

async function readPlatform(
  repository: Repository,
  stored: StoredManifest,
  entry: Descriptor | undefined,
  signal: AbortSignal,
): Promise<PlatformImage> {
  const manifest = parseManifest(stored.bytes);
  const { mediaType, digest } = manifest.config;
  if (!/^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(mediaType)) {
    throw new DocumentError(`it is no container image but an artifact of the type ${plainWord(mediaType)}`);
  }
  const config = parseConfig(await repository.document(digest, signal));
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new DocumentError('its configuration and its manifest disagree about its layers');
  }
  return { platform: entry?.platform ?? platformOf(config), entry, manifest, config };
}

function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Attestations stand in indexes as images of no platform. */
function isImage({ platform, annotations }: Descriptor): boolean {
  return platform?.os !== 'unknown' && annotations?.['vnd.docker.reference.type'] === undefined;
}

function checkPlatforms(name: ImageName, wanted: readonly string[], there: readonly Platform[]): void {
  const missing = wanted.filter((text) => !there.some((platform) => isPlatform(platform, text)));
  if (missing.length === 0) return;
  throw new DeliveryError('PLATFORM_NOT_FOUND', {
    message: `The base image ${formatImage(name)} is not there for ${missing.join(', ')}.`,
    remedy: `Choose among: ${there.map(formatPlatform).join(', ')}.`,
  });
}

/** Some registries serve OCI documents without any media type; their shape tells. */
function kindByShape({ bytes, mediaType }: StoredManifest): ReturnType<typeof kindOf> {
  if (!/^(?:|application\/(?:json|octet-stream)|text\/plain)$/.test(mediaType)) return undefined;
  const text = bytes.toString('latin1');
  if (!/"schemaVersion"\s*:\s*2\b/.test(text)) return undefined;
  return kindOf(`application/vnd.oci.image.${/"manifests"\s*:/.test(text) ? 'index' : 'manifest'}.v1+json`);
}

function plainWord(text: string): string {
  return /^[\w./+-]{1,100}$/.test(text) ? text : 'unknown';
}

function notFound(name: ImageName): DeliveryError {
  return new DeliveryError('IMAGE_NOT_FOUND', {
    message: `The image ${formatImage(name)} does not exist.`,
    remedy: 'Correct its name, tag or digest, or push it first.',
  });
}

function unsupported(name: ImageName, { message }: DocumentError): DeliveryError {
  return new DeliveryError('BASE_IMAGE_UNSUPPORTED', {
    message: `The base image ${formatImage(name)} cannot be built upon: ${message}.`,
    remedy: 'Choose a Linux image in OCI or Docker schema 2 format; skopeo copy converts older ones.',
  });
}
