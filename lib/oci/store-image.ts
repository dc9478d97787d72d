import { DeliveryError } from '../errors/delivery-error.ts';
import type { NewImage } from './append.ts';
import { formatRepository } from './image-name.ts';
import type { Repository } from './repository.ts';

/** Stores the documents of an image whose layers are all there, what points after what it points at. */
export async function storeDocuments(
  repository: Repository,
  { configs, manifests, top }: NewImage,
  signal: AbortSignal,
): Promise<void> {
  await Promise.all(configs.map(({ bytes }) => repository.putDocument(bytes, signal)));
  await Promise.all(manifests.map((manifest) => repository.putManifest(manifest.digest, manifest, signal)));
  await repository.putManifest(top.digest, top, signal);
}

/**
 * Moves tags to an image that is there, one by one.
 *
 * @returns how many pointed elsewhere before
 * @throws DeliveryError `TAG_REFUSED` where the registry does not let a tag move
 */
export async function moveTags(
  repository: Repository,
  top: NewImage['top'],
  tags: readonly string[],
  signal: AbortSignal,
): Promise<number> {
  let moved = 0;
  for (const tag of tags) {
    signal.throwIfAborted();
    if ((await repository.digestOfTag(tag, signal)) === top.digest) continue;
    await moveTag(repository, tag, top, signal);
    moved += 1;
  }
  return moved;
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
