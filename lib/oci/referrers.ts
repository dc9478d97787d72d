import { DeliveryError } from '../errors/delivery-error.ts';
import { type Artifact, artifactManifest, EMPTY_CONFIG, listed } from './artifact.ts';
import { digestOf } from './digest.ts';
import { type Descriptor, encodeDocument, type Index, type Manifest } from './image.ts';
import { formatRepository } from './image-name.ts';
import { OCI } from './media-types.ts';
import { DocumentError, parseIndex } from './parse-documents.ts';
import type { Repository, StoredManifest } from './repository.ts';

/** A registry that answers with ever more pages is not believed. */
const MOST_PAGES = 50;
/** How often a list that others write as well is written before it is given up. */
const MOST_ATTEMPTS = 5;

/** What is attached to an image, however its registry keeps account of it. */
export async function listReferrers(
  repository: Repository,
  digest: string,
  signal: AbortSignal,
): Promise<readonly Descriptor[]> {
  const kept = await fromApi(repository, digest, signal);
  return kept ?? (await fromTag(repository, digest, signal)) ?? [];
}

/**
 * Attaches artifacts to an image that the repository has. Where the registry does not list them by itself, they are added to
 * the list under the tag that the specification says.
 *
 * @returns their digests
 * @throws DeliveryError `REFERRERS_UNREADABLE`, `REFERRERS_BUSY`, and what the registry gives reason to
 */
export async function attach(
  repository: Repository,
  subject: Descriptor,
  artifacts: readonly Artifact[],
  signal: AbortSignal,
): Promise<readonly string[]> {
  if (artifacts.length === 0) return [];
  const blobs = [EMPTY_CONFIG, ...artifacts.flatMap((artifact) => artifact.blobs.map(({ bytes }) => bytes))];
  await Promise.all(blobs.map((bytes) => repository.putDocument(bytes, signal)));
  const stored = await Promise.all(
    artifacts.map(async (artifact) => {
      const manifest = artifactManifest(artifact, subject);
      const form = storedForm(manifest);
      const { subject: counted } = await repository.putManifest(form.digest, form, signal);
      return { entry: listed(form, manifest), counted: counted !== undefined };
    }),
  );
  const uncounted = stored.filter(({ counted }) => !counted).map(({ entry }) => entry);
  if (uncounted.length > 0) await addToList(repository, subject.digest, uncounted, signal);
  return stored.map(({ entry }) => entry.digest);
}

/** A manifest as it is stored. */
export function storedForm(manifest: Manifest): StoredManifest {
  const bytes = encodeDocument(manifest);
  return { mediaType: OCI.manifest, digest: digestOf(bytes), bytes };
}

/** The tag under which clients keep the list where the registry keeps none ("Referrers Tag Schema"). */
export function referrersTag(digest: string): string {
  const [algorithm = '', encoded = ''] = digest.split(':');
  return `${algorithm.slice(0, 32)}-${encoded.slice(0, 64)}`;
}

/** Whether a tag stands beside an image: a list of referrers, or what cosign keeps under such names. */
export function isCompanionTag(tag: string): boolean {
  return /^sha256-[0-9a-f]{64}(?:\.\w+)?$/.test(tag);
}

/**
 * Adds entries to the list under a tag, and takes out those that they replace. No registry has to write only if nobody else has, so
 * the tag is looked at just before it is written, and the list is read again afterwards and written again, with what others
 * added, until this run's entries stand in it. Whoever writes in the instant between look and write can still lose an entry;
 * its artifact stays where it is, and the next run adds it again.
 *
 * @throws DeliveryError `REFERRERS_UNREADABLE`, `REFERRERS_BUSY`
 */
export async function addToList(
  repository: Repository,
  digest: string,
  entries: readonly Descriptor[],
  signal: AbortSignal,
  replaced: readonly string[] = [],
): Promise<void> {
  const tag = referrersTag(digest);
  for (let attempt = 0; attempt <= MOST_ATTEMPTS; attempt += 1) {
    const { index, readFrom } = await readList(repository, tag, signal);
    const missing = entries.filter((entry) => !index.manifests.some((other) => other.digest === entry.digest));
    if (missing.length === 0) return;
    const others = index.manifests.filter((other) => !replaced.includes(other.digest));
    const bytes = encodeDocument({ ...index, manifests: [...others, ...missing] });
    if ((await repository.digestOfTag(tag, signal)) !== readFrom) continue;
    await repository.putManifest(tag, { mediaType: OCI.index, bytes }, signal);
  }
  throw new DeliveryError('REFERRERS_BUSY', {
    message: `Others wrote the list ${tag} of ${formatRepository(repository.name)} each time this run did.`,
    remedy: 'Run again; what was attached is there, but clients may not find it yet.',
  });
}

interface ReadList {
  readonly index: Index;
  /** The digest of what the list was read from; undefined where there was none. */
  readonly readFrom: string | undefined;
}

async function readList(repository: Repository, tag: string, signal: AbortSignal): Promise<ReadList> {
  const stored = await repository.manifest(tag, signal);
  if (stored === undefined) {
    return { index: { schemaVersion: 2, mediaType: OCI.index, manifests: [] }, readFrom: undefined };
  }
  try {
    if (stored.mediaType === OCI.index) return { index: parseIndex(stored.bytes), readFrom: stored.digest };
  } catch (error) {
    if (!(error instanceof DocumentError)) throw error;
  }
  throw new DeliveryError('REFERRERS_UNREADABLE', {
    message: `The tag ${tag} of ${formatRepository(repository.name)} holds something else than the list of what is attached.`,
    remedy: 'Delete or rename that tag; it is the one that the OCI specification reserves for the list.',
  });
}

async function fromApi(
  repository: Repository,
  digest: string,
  signal: AbortSignal,
): Promise<readonly Descriptor[] | undefined> {
  const found: Descriptor[] = [];
  let next: URL | undefined;
  for (let page = 0; page < MOST_PAGES; page += 1) {
    const answer = await repository.referrers(digest, next, signal);
    if (answer === undefined) return undefined;
    found.push(...entriesOf(answer.bytes));
    next = answer.next;
    if (next === undefined) break;
  }
  return found;
}

async function fromTag(
  repository: Repository,
  digest: string,
  signal: AbortSignal,
): Promise<readonly Descriptor[] | undefined> {
  const stored = await repository.manifest(referrersTag(digest), signal);
  return stored?.mediaType === OCI.index ? entriesOf(stored.bytes) : undefined;
}

/** Whoever only looks takes a damaged list for an empty one, as the specification has it. */
function entriesOf(bytes: Buffer): readonly Descriptor[] {
  try {
    return parseIndex(bytes).manifests;
  } catch (error) {
    if (error instanceof DocumentError) return [];
    throw error;
  }
}
