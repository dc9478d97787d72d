import { DeliveryError } from '../errors/delivery-error.ts';
import { readChannels } from './channel.ts';
import type { ManagedStore } from './managed-store.ts';
import { nearestNames } from '../naming/nearest-names.ts';

/** What of a model was not found, as a sentence goes on: `the model digits has no …`. */
export interface Missing {
  readonly code: 'VERSION_NOT_FOUND' | 'CHANNEL_NOT_FOUND';
  /** Such as `version 2` or `version in the range ^2.1`. */
  readonly what: string;
  /** The text to which others are compared. */
  readonly wanted: string;
}

/** The error for a missing version or channel, which tells what there is instead: `MODEL_NOT_FOUND` where it is the model that is missing. */
export async function notFound(
  managed: ManagedStore,
  model: string,
  { code, what, wanted }: Missing,
  signal: AbortSignal,
): Promise<DeliveryError> {
  const { store, layout } = managed;
  const models = await nearestNames(model, store.listFolders(layout.models, signal));
  if (!models.includes(model)) {
    return new DeliveryError('MODEL_NOT_FOUND', {
      message: `There is no model ${model} in ${store.uriOf(layout.models)}.`,
      remedy:
        models.length === 0
          ? 'No model is published there; check container and prefix.'
          : `There are: ${models.join(', ')}.`,
    });
  }
  const thing = code === 'VERSION_NOT_FOUND' ? 'version' : 'channel';
  const names =
    thing === 'version'
      ? store.listFolders(layout.versions(model), signal)
      : (await readChannels(managed, model, signal)).map(({ name }) => name);
  const others = await nearestNames(wanted, names);
  return new DeliveryError(code, {
    message: `The model ${model} in ${store.uriOf('')} has no ${what}.`,
    remedy: others.length === 0 ? `It has no ${thing} at all yet.` : `It has: ${others.join(', ')}.`,
  });
}
