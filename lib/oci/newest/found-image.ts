import { isPlatform, isPlatformEntry, kindOfStored } from '../base-image.ts';
import { type Descriptor, formatPlatform, type ImageConfig, type Manifest } from '../image.ts';
import { DocumentError, parseConfig, parseIndex, parseManifest } from '../parse-documents.ts';
import type { Repository, StoredManifest } from '../repository.ts';
import type { ImageFilter } from './wanted-image.ts';

/** Where an image may be found. */
export interface Candidate {
  /** Tags that name it, as far as they are known; the first is the one by which it was found. */
  readonly tags: readonly string[];
  /** When the tag was last pushed; undefined where the registry does not say. */
  readonly pushed: Date | undefined;
  /** Its index or only manifest. */
  readonly stored: StoredManifest;
}

/** An image that was looked into. */
export interface FoundImage {
  readonly tags: readonly string[];
  readonly pushed: Date | undefined;
  readonly digest: string;
  readonly mediaType: string;
  /** Of its manifest, in bytes. */
  readonly size: number;
  /** Undefined where it does not say, or not in a way that can be read. */
  readonly created: Date | undefined;
  /** Those of its configuration, of the wanted platform or else of its first. */
  readonly labels: Readonly<Record<string, string>>;
  /** Such as `linux/amd64`. */
  readonly platforms: readonly string[];
  /** Digests of the images for single platforms, by which some nodes call it; none where it is one itself. */
  readonly platformDigests: readonly string[];
  /** Digests of what BuildKit says about it: manifests that stand beside the images in an index. */
  readonly attestations: readonly string[];
}

/** Why an image is passed over. */
export type Lack = 'is no container image' | 'is not for the wanted platform' | 'has not the wanted labels';

/** Looks into an image, or says why it is not one that is wanted. */
export async function lookInto(
  repository: Repository,
  candidate: Candidate,
  { platform, labels }: ImageFilter,
  signal: AbortSignal,
): Promise<FoundImage | Lack> {
  try {
    const { platforms, single, attestations } = await platformsOf(repository, candidate.stored, platform, signal);
    if (single === undefined) {
      return platforms.length === 0 ? 'is no container image' : 'is not for the wanted platform';
    }
    const config = parseConfig(await repository.document(single.config.digest, signal));
    const names = platforms.length === 0 ? [formatPlatform(config)] : platforms.map(({ name }) => name);
    if (platforms.length === 0 && platform !== undefined && !isPlatform(config, platform)) {
      return 'is not for the wanted platform';
    }
    const digests = platforms.map(({ digest }) => digest);
    const found = { ...described(candidate, config), platforms: names, platformDigests: digests, attestations };
    const fits = Object.entries(labels).every(([name, value]) => found.labels[name] === value);
    return fits ? found : 'has not the wanted labels';
  } catch (error) {
    if (error instanceof DocumentError) return 'is no container image';
    throw error;
  }
}

/** What a single image says. */
function described({ tags, pushed, stored }: Candidate, { created, config }: ImageConfig) {
  const labels = config?.Labels ?? {};
  const { digest, mediaType, bytes } = stored;
  return {
    tags,
    pushed,
    digest,
    mediaType,
    size: bytes.length,
    labels,
    created: dateOf(created) ?? dateOf(labels['org.opencontainers.image.created']),
  };
}

interface Platforms {
  /** None where it has no index. */
  readonly platforms: readonly { readonly name: string; readonly digest: string }[];
  /** The manifest of the wanted platform, else of the first; undefined where there is none. */
  readonly single: Manifest | undefined;
  readonly attestations: FoundImage['attestations'];
}

async function platformsOf(
  repository: Repository,
  stored: StoredManifest,
  wanted: string | undefined,
  signal: AbortSignal,
): Promise<Platforms> {
  const kind = kindOfStored(stored);
  if (kind === undefined) throw new DocumentError('it is of another type');
  if (!kind.isIndex) return { platforms: [], single: imageManifest(stored), attestations: [] };
  const { manifests } = parseIndex(stored.bytes);
  const entries = manifests.filter(isPlatformEntry);
  const platforms = entries.map(({ digest, platform }) => ({
    digest,
    name: platform === undefined ? 'unknown' : formatPlatform(platform),
  }));
  const entry = entries.find(({ platform }) => wanted === undefined || (platform && isPlatform(platform, wanted)));
  const single = entry && (await repository.manifest(entry.digest, signal));
  const attestations = manifests.filter(isAttestation).map(({ digest }) => digest);
  return { platforms, single: single && imageManifest(single), attestations };
}

function isAttestation({ annotations }: Descriptor): boolean {
  return annotations?.['vnd.docker.reference.type'] === 'attestation-manifest';
}

function imageManifest({ bytes }: StoredManifest): Manifest {
  const manifest = parseManifest(bytes);
  if (/^application\/vnd\.(?:oci\.image\.config|docker\.container\.image)\.v1\+json$/.test(manifest.config.mediaType)) {
    return manifest;
  }
  throw new DocumentError('it is an artifact');
}

function dateOf(text: string | undefined): Date | undefined {
  const date = new Date(text ?? '');
  return Number.isNaN(date.getTime()) ? undefined : date;
}
