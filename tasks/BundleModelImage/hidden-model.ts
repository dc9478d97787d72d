import { DeliveryError, messageOf } from '../../lib/errors/delivery-error.ts';
import type { LayerGroup } from '../../lib/oci/layer-group.ts';
import { targetPath } from '../../lib/packing/entry-path.ts';
import { withParents } from '../../lib/packing/layer.ts';
import { entryOf } from '../../lib/packing/layer-plan.ts';
import type { BundledApp } from './app-source.ts';

/**
 * Refuses an app that would hide some of the model: of two layers, engines show what the upper one has at a path, be it an old
 * file or a link in place of the model's folder.
 *
 * @throws DeliveryError `MODEL_HIDDEN`
 */
export function checkNotHidden({ target, layers }: LayerGroup, app: BundledApp): void {
  const folder = targetPath(target);
  const ofModel = layers.flatMap(({ files }) => files.map((file) => entryOf(file, folder)));
  try {
    withParents([...ofModel, ...app.entries]);
  } catch (error) {
    throw new DeliveryError('MODEL_HIDDEN', {
      message: `The app would hide the model, which lies in ${target}. ${messageOf(error)}`,
      remedy: 'Leave what the app has there out by its .dockerignore, or choose another modelTarget or appTarget.',
      cause: error,
    });
  }
}
