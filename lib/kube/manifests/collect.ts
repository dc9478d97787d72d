import { loadManifests } from './find.ts';
import { readSubstitutions, substituteImages } from './images.ts';
import type { ManifestObject } from './manifest-object.ts';

/** Which manifests, and which images in them. */
export interface ManifestSelection {
  /** Files, folders and globs, relative to `root`. */
  readonly manifests: readonly string[];
  readonly root: string;
  /** `name=image`, or an image that takes the place of others of its repository. */
  readonly images: readonly string[];
}

/**
 * Reads the manifests of a rollout and puts the wanted images into them.
 *
 * @param warn told of each image that no container uses: most often a misspelt name
 * @throws DeliveryError `MANIFEST_NOT_FOUND`, `MANIFEST_INVALID`, `IMAGE_NAME_INVALID`
 */
export async function collectManifests(
  { manifests, root, images }: ManifestSelection,
  warn: (text: string) => void,
): Promise<readonly ManifestObject[]> {
  const substitutions = readSubstitutions(images);
  const { objects, unmatched } = substituteImages(await loadManifests(manifests, root), substitutions);
  for (const { line, repository } of unmatched) {
    warn(`The image ${line} changes nothing: no container of the manifests uses ${repository}.`);
  }
  return objects;
}
