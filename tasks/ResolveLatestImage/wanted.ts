import type { Inputs } from '../../lib/agent/inputs.ts';
import { checkTag } from '../../lib/oci/image-name.ts';
import type { ImageFilter, WantedImage } from '../../lib/oci/newest/wanted-image.ts';

/**
 * The image that the inputs mean.
 *
 * @throws DeliveryError `INPUT_MISSING`, `INPUT_INVALID`, `TAG_INVALID`
 */
export function wantedImage(inputs: Inputs): WantedImage {
  const by = inputs.choice('newestBy', ['auto', 'pushed', 'created', 'version', 'tag']);
  const filter: ImageFilter = {
    tags: inputs.lines('tags'),
    excludeTags: inputs.lines('excludeTags'),
    platform: inputs.optionalText('platform'),
    labels: inputs.pairs('imageLabels'),
  };
  return by === 'tag' ? { by, tag: checkTag(inputs.text('tag')), filter } : { by, filter };
}
