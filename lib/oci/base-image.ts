import { DeliveryError } from '../errors/delivery-error.ts';
import type { BaseSource } from './base-source.ts';
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
import type { StoredManifest } from './repository.ts';

/** One platform's image of a base. */
export interface PlatformImage {
  readonly platform: Platform;
  /** Its entry in the index; undefined where the base has no index. */
  readonly entry: Descriptor | undefined;
  /** That of its manifest, which need not be that of the index. */
  readonly family: MediaFamily;
  readonly manifest: Manifest;
  readonly config: ImageConfig;
}

/** An image to build upon, every digest checked. */
export interface BaseImage {
  readonly source: BaseSource;
  /** The digest of its index or manifest; where it has neither, in an old archive, its id. */
  readonly digest: string;
  /** That of its index or only manifest. */
  readonly family: MediaFamily;
  readonly index: Index | undefined;
  readonly images: readonly PlatformImage[];
  /** Platforms that are left behind, because nothing can be added to them. */
  readonly skipped: readonly string[];
}

/**
 * Reads a base image: one manifest, or an index with all its platforms or those that are wanted. Platforms other than
 * Linux are left behind, since their layers are made differently; so are attestations, which speak of other digests.
 *
 * @param platforms such as `linux/arm64`; none: all that are there
 * @throws DeliveryError `IMAGE_NOT_FOUND`, `BASE_IMAGE_UNSUPPORTED`, `PLATFORM_NOT_FOUND`
 */
export async function readBaseImage(
  source: BaseSource,
  platforms: readonly string[],
  signal: AbortSignal,
): Promise<BaseImage> {
  const top = await source.top(signal);
  if (top === undefined) throw notFound(source);
  try {
    const kind = kindOfStored(top);
    if (kind === undefined) throw new DocumentError(`it is of the type ${plainWord(top.mediaType)}`);
    const facts = { source, digest: source.publicDigest ?? top.digest, family: kind.family };
    return kind.isIndex
      ? { ...facts, ...(await readIndex(source, platforms, top, signal)) }
      : { ...facts, ...(await readSingle(source, platforms, top, signal)) };
  } catch (error) {
    throw error instanceof DocumentError ? unsupported(source, error) : error;
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
  source: BaseSource,
  platforms: readonly string[],
  top: StoredManifest,
  signal: AbortSignal,
): Promise<Read> {
  const image = await readPlatform(source, top, undefined, signal);
  checkPlatforms(source, platforms, [image.platform]);
  if (image.platform.os !== 'linux')
    throw new DocumentError(`it is for ${plainWord(image.platform.os)}, not for Linux`);
  return { index: undefined, images: [image], skipped: [] };
}

async function readIndex(
  source: BaseSource,
  platforms: readonly string[],
  top: StoredManifest,
  signal: AbortSignal,
): Promise<Read> {
  const index = parseIndex(top.bytes);
  const all = index.manifests.filter(isPlatformEntry);
  const usable: Descriptor[] = [];
  for (const entry of all) if (await isUsable(source, entry, signal)) usable.push(entry);
  if (usable.length === 0) throw new DocumentError('it has no image for Linux');
  const there = usable.flatMap(({ platform }) => platform ?? []);
  checkPlatforms(source, platforms, there);
  const chosen = usable.filter(
    ({ platform }) => platform && (platforms.length === 0 || platforms.some((text) => isPlatform(platform, text))),
  );
  const images = await Promise.all(
    chosen.map(async (entry) => {
      const stored = await source.manifest(entry.digest, signal);
      if (stored === undefined) throw new DocumentError('its registry lacks a manifest that its index names');
      return readPlatform(source, stored, entry, signal);
    }),
  );
  const others = all.filter((entry) => !usable.includes(entry));
  return { index, images, skipped: others.map(({ platform }) => (platform ? formatPlatform(platform) : 'unknown')) };
}

/** Whether an entry of an index is for Linux, and not only named there, as in an archive of one platform. */
async function isUsable(source: BaseSource, { platform, digest }: Descriptor, signal: AbortSignal): Promise<boolean> {
  return platform?.os === 'linux' && (!source.partial || (await source.manifest(digest, signal)) !== undefined);
}

async function readPlatform(
  source: BaseSource,
  stored: StoredManifest,
  entry: Descriptor | undefined,
  signal: AbortSignal,
): Promise<PlatformImage> {
  const kind = kindOfStored(stored);
  if (kind?.isIndex !== false) throw new DocumentError('its index holds more than images');
  const manifest = parseManifest(stored.bytes);
  const { mediaType, digest } = manifest.config;
  if (!/^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(mediaType)) {
    throw new DocumentError(`it is no container image but an artifact of the type ${plainWord(mediaType)}`);
  }
  const config = parseConfig(await source.document(digest, signal));
  if (config.rootfs.diff_ids.length !== manifest.layers.length) {
    throw new DocumentError('its configuration and its manifest disagree about its layers');
  }
  return { platform: entry?.platform ?? platformOf(config), entry, family: kind.family, manifest, config };
}

function platformOf({ os, architecture, variant }: ImageConfig): Platform {
  return { os, architecture, ...(variant === undefined ? {} : { variant }) };
}

/** Whether an entry of an index is an image: attestations stand there as images of no platform. */
export function isPlatformEntry({ platform, annotations }: Descriptor): boolean {
  return platform?.os !== 'unknown' && annotations?.['vnd.docker.reference.type'] === undefined;
}

function checkPlatforms({ name }: BaseSource, wanted: readonly string[], there: readonly Platform[]): void {
  const missing = wanted.filter((text) => !there.some((platform) => isPlatform(platform, text)));
  if (missing.length === 0) return;
  throw new DeliveryError('PLATFORM_NOT_FOUND', {
    message: `The base image ${name} is not there for ${missing.join(', ')}.`,
    remedy: `Choose among: ${there.map(formatPlatform).join(', ')}.`,
  });
}

/** What a stored document is; undefined for neither index nor manifest. */
export function kindOfStored(stored: StoredManifest): ReturnType<typeof kindOf> {
  return kindOf(stored.mediaType) ?? kindByShape(stored);
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

function notFound({ name }: BaseSource): DeliveryError {
  return new DeliveryError('IMAGE_NOT_FOUND', {
    message: `The image ${name} does not exist.`,
    remedy: 'Correct its name, tag or digest, or push it first.',
  });
}

function unsupported({ name }: BaseSource, { message }: DocumentError): DeliveryError {
  return new DeliveryError('BASE_IMAGE_UNSUPPORTED', {
    message: `The base image ${name} cannot be built upon: ${message}.`,
    remedy: 'Choose a Linux image in OCI or Docker schema 2 format; skopeo copy converts older ones.',
  });
}
