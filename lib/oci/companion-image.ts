import { DeliveryError } from '../errors/delivery-error.ts';
import { type ArtifactBlob, descriptorOf, listed, subjectOf } from './artifact.ts';
import { digestOf } from './digest.ts';
import { type Descriptor, encodeDocument, type ImageConfig, type Manifest } from './image.ts';
import { formatRepository } from './image-name.ts';
import { OCI } from './media-types.ts';
import { DocumentError, parseManifest } from './parse-documents.ts';
import { addToList, referrersTag, storedForm } from './referrers.ts';
import type { Repository, StoredManifest } from './repository.ts';

/** A kind of image that stands beside another, under a tag made of the other's digest. */
export interface CompanionKind {
  /** The tag's ending, such as `sig`. */
  readonly suffix: string;
  /** What it is to who lists referrers. */
  readonly artifactType: string;
}

/** What a companion holds already. */
export interface CompanionContent {
  readonly layers: readonly Descriptor[];
  /** Reads a layer whole. */
  readonly read: (layer: Descriptor) => Promise<Buffer>;
}

/** How often a tag that others write as well is written before it is given up. */
const MOST_ATTEMPTS = 5;

/**
 * Makes a companion image hold certain layers, beside those that others put there. As nobody can write a tag only if it did not change
 * meanwhile, it is looked at just before and read again afterwards.
 *
 * @param missing the layers to add, given those that are there
 * @returns the digest of the companion
 * @throws DeliveryError `COMPANION_UNREADABLE`, `REFERRERS_BUSY`
 */
export async function complete(
  repository: Repository,
  subject: Descriptor,
  kind: CompanionKind,
  missing: (content: CompanionContent) => Promise<readonly ArtifactBlob[]>,
  signal: AbortSignal,
): Promise<{ readonly digest: string; readonly changed: boolean }> {
  const tag = `${referrersTag(subject.digest)}.${kind.suffix}`;
  const read = ({ digest }: Descriptor): Promise<Buffer> => repository.document(digest, signal);
  let changed = false;
  for (let attempt = 0; attempt <= MOST_ATTEMPTS; attempt += 1) {
    const stored = await repository.manifest(tag, signal);
    const before = stored && readable(repository, tag, stored);
    const added = await missing({ layers: before?.layers ?? [], read });
    if (added.length === 0 && stored !== undefined) return { digest: stored.digest, changed };
    if ((await repository.digestOfTag(tag, signal)) !== stored?.digest) continue;
    await write(repository, { tag, subject, kind, before, replaced: stored?.digest, added }, signal);
    changed = true;
  }
  throw new DeliveryError('REFERRERS_BUSY', {
    message: `Others wrote the tag ${tag} of ${formatRepository(repository.name)} each time this run did.`,
    remedy: 'Run again.',
  });
}

interface Writing {
  readonly tag: string;
  readonly subject: Descriptor;
  readonly kind: CompanionKind;
  readonly before: Manifest | undefined;
  readonly replaced: string | undefined;
  readonly added: readonly ArtifactBlob[];
}

async function write(repository: Repository, writing: Writing, signal: AbortSignal): Promise<void> {
  const { tag, subject, kind, before, replaced, added } = writing;
  const layers = [...(before?.layers ?? []), ...added.map(descriptorOf)];
  const config = encodeDocument(configOf(layers));
  for (const bytes of [config, ...added.map((blob) => blob.bytes)]) await repository.putDocument(bytes, signal);
  const fresh = { artifactType: kind.artifactType, subject: subjectOf(subject) };
  const manifest: Manifest = {
    ...(before ?? { ...fresh, mediaType: OCI.manifest }),
    schemaVersion: 2,
    config: { mediaType: OCI.config, digest: digestOf(config), size: config.length },
    layers,
  };
  const stored = storedForm(manifest);
  const { subject: counted } = await repository.putManifest(tag, stored, signal);
  if (counted !== undefined || manifest.subject === undefined) return;
  await addToList(
    repository,
    subject.digest,
    [listed(stored, manifest)],
    signal,
    replaced === undefined ? [] : [replaced],
  );
}

/** Programs that take it for an image want to see one: as many diff ids as layers, here the layers' own digests. */
function configOf(layers: readonly Descriptor[]): ImageConfig {
  return {
    architecture: '',
    os: '',
    config: {},
    rootfs: { type: 'layers', diff_ids: layers.map(({ digest }) => digest) },
  };
}

function readable(repository: Repository, tag: string, { mediaType, bytes }: StoredManifest): Manifest {
  try {
    if (mediaType === OCI.manifest) return parseManifest(bytes);
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
  }
  throw new DeliveryError('COMPANION_UNREADABLE', {
    message: `The tag ${tag} of ${formatRepository(repository.name)} holds something else than signatures.`,
    remedy: 'Delete that tag, which cosign keeps signatures and attestations under, and run again.',
  });
}
