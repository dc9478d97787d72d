import { DeliveryError } from '../errors/delivery-error.ts';
import { formatImage, type ImageName, referenceOf } from './image-name.ts';
import type { RegistryClient } from './registry-client.ts';
import { Repository } from './repository.ts';
import { checkTags, moveTags } from './store-image.ts';

/** Tags that shall point at an image which is there. */
export interface TagRequest {
  readonly image: ImageName;
  readonly tags: readonly string[];
  /** Whether a tag that points at another image is an error, and stays as it is. */
  readonly immutableTags: boolean;
}

/** What became of it. */
export interface TaggedImage {
  readonly digest: string;
  /** False where all tags pointed at this very image before. */
  readonly changed: boolean;
}

/**
 * Lets tags point at an image that its repository has. Nothing but its manifest is read and written.
 *
 * @param client speaks to the registry of the image
 * @throws DeliveryError `IMAGE_NOT_FOUND`, and as {@link moveTags}
 */
export async function tagImage(
  { image, tags, immutableTags }: TagRequest,
  client: RegistryClient,
  signal: AbortSignal,
): Promise<TaggedImage> {
  const repository = new Repository(client, image, 'pull,push');
  const stored = await repository.manifest(referenceOf(image), signal);
  if (stored === undefined) {
    throw new DeliveryError('IMAGE_NOT_FOUND', {
      message: `The image ${formatImage(image)} does not exist.`,
      remedy: 'Correct its name, tag or digest, or push it first.',
    });
  }
  const tagging = { target: image, tags, immutableTags };
  await checkTags(repository, tagging, stored.digest, signal);
  return { digest: stored.digest, changed: (await moveTags(repository, stored, tagging, signal)) > 0 };
}
