import { DeliveryError } from '../errors/delivery-error.ts';
import { PATIENT, wait, waitBefore } from '../http/retry.ts';
import type { NewImage } from './append.ts';
import { formatRepository, type RepositoryName } from './image-name.ts';
import type { Repository } from './repository.ts';

/** Which tags shall point at an image. */
export interface Tagging {
  readonly target: RepositoryName;
  readonly tags: readonly string[];
  /** Whether a tag that points at another image is an error, and stays as it is. */
  readonly immutableTags: boolean;
}

/** How often a tag is read until it shows what it was just set to. */
const READS = 4;

/**
 * Stores the documents of an image whose layers are all there, what points after what it points at.
 *
 * @param afresh whatever the registry says that it has
 * @throws DeliveryError `REGISTRY_INCONSISTENT` where it lacks a layer that it said it had
 */
export async function storeDocuments(
  repository: Repository,
  { configs, manifests, top }: NewImage,
  afresh: boolean,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(configs.map(({ bytes }) => repository.putDocument(bytes, signal, afresh)));
  await Promise.all(manifests.map((manifest) => repository.putManifest(manifest.digest, manifest, signal)));
  await repository.putManifest(top.digest, top, signal);
}

/**
 * Moves tags to an image that is there, one by one.
 *
 * @returns how many pointed elsewhere before
 * @throws DeliveryError `TAG_REFUSED` where the registry does not let a tag move, `TAG_EXISTS` where we were told not to,
 *   `TAG_MOVED` where somebody else moved it at the same time; it names the tags that moved before
 */
export async function moveTags(
  repository: Repository,
  top: NewImage['top'],
  tagging: Tagging,
  signal: AbortSignal,
): Promise<number> {
  const moved: string[] = [];
  for (const tag of tagging.tags) {
    try {
      signal.throwIfAborted();
      const before = await repository.digestOfTag(tag, signal);
      if (before === top.digest) continue;
      checkUnmoved({ ...tagging, tags: [tag] }, [before], top.digest);
      await moveTag(repository, tag, top, signal);
      moved.push(tag);
      await confirmTag(repository, { tag, before, after: top.digest }, signal);
    } catch (error) {
      const isLost = error instanceof DeliveryError && error.code === 'TAG_MOVED';
      throw afterMoving(isLost ? moved.filter((each) => each !== tag) : moved, error);
    }
  }
  return moved.length;
}

function afterMoving(moved: readonly string[], error: unknown): unknown {
  if (!(error instanceof DeliveryError) || moved.length === 0) return error;
  const { code, message, remedy, cause } = error;
  return new DeliveryError(code, { message: `${message} Moved before that: ${moved.join(', ')}.`, remedy, cause });
}

/**
 * Looks at what the tags point at before anything is done that they would have to allow.
 *
 * @throws DeliveryError `TAG_EXISTS`
 */
export async function checkTags(
  repository: Repository,
  tagging: Tagging,
  wanted: string,
  signal: AbortSignal,
): Promise<void> {
  if (!tagging.immutableTags) return;
  checkUnmoved(tagging, await Promise.all(tagging.tags.map((tag) => repository.digestOfTag(tag, signal))), wanted);
}

/**
 * @param digests what the tags point at, in their order; undefined: nothing yet
 * @throws DeliveryError `TAG_EXISTS` where one points at another image than the new and must stay there
 */
export function checkUnmoved(
  { target, tags, immutableTags }: Tagging,
  digests: readonly (string | undefined)[],
  wanted: string,
): void {
  const index = digests.findIndex((digest) => digest !== undefined && digest !== wanted);
  if (index < 0 || !immutableTags) return;
  throw new DeliveryError('TAG_EXISTS', {
    message: `The tag ${tags[index] ?? ''} of ${formatRepository(target)} points at ${digests[index] ?? ''}, not at the new image ${wanted}, and immutableTags is set.`,
    remedy: 'Choose a tag that is new with each change, such as $(Build.BuildId), or do not set immutableTags.',
  });
}

async function moveTag(repository: Repository, tag: string, top: NewImage['top'], signal: AbortSignal): Promise<void> {
  try {
    await repository.putManifest(tag, top, signal);
  } catch (error) {
    if (!(error instanceof DeliveryError) || error.code !== 'REGISTRY_REFUSED') throw error;
    // Another run may have set an immutable tag to this very image a moment ago.
    if ((await repository.digestOfTag(tag, signal)) === top.digest) return;
    throw new DeliveryError('TAG_REFUSED', {
      message: `The registry does not let the tag ${tag} of ${formatRepository(repository.name)} point at the new image ${top.digest}.`,
      remedy: 'Choose a tag that is not there yet if the registry keeps tags immutable or this one is locked.',
      cause: error,
    });
  }
}

/** Reads a tag back: registries have no way to move one only if nobody else has, so two runs may both have moved it. */
async function confirmTag(
  repository: Repository,
  { tag, before, after }: { readonly tag: string; readonly before: string | undefined; readonly after: string },
  signal: AbortSignal,
): Promise<void> {
  for (let read = 1; ; read += 1) {
    const now = await repository.digestOfTag(tag, signal);
    if (now === after) return;
    // A registry of several servers may show for a moment what was there before.
    if (now !== before || read === READS) throw movedElsewhere(repository, tag, now, after);
    await wait(waitBefore(read, PATIENT), signal);
  }
}

function movedElsewhere({ name }: Repository, tag: string, now: string | undefined, after: string): DeliveryError {
  return new DeliveryError('TAG_MOVED', {
    message: `The tag ${tag} of ${formatRepository(name)} was set to the new image ${after}, but points at ${now ?? 'nothing'} now: somebody else moves it, too.`,
    remedy:
      'Let one run at a time move a tag (an exclusive lock on the environment), or give each run a tag of its own. The image itself is there, by its digest.',
  });
}
