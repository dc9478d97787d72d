import type { Agent } from '../../lib/agent/agent.ts';
import { modelSelection } from '../../lib/agent/model-selection.ts';
import { openStore } from '../../lib/agent/model-store.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { contentOf } from '../../lib/model/model-content.ts';
import { resolveModel } from '../../lib/model/resolve.ts';
import type { ResolvedModel } from '../../lib/model/resolved-model.ts';
import type { ImageLineage } from './lineage.ts';

/** The model that the store's inputs mean now, and whether an image must carry it. */
export interface LatestModel {
  readonly model: ResolvedModel;
  readonly isRequired: boolean;
}

/**
 * Asks the store for its newest model, where the inputs want that; undefined where they do not. Reads no model byte.
 *
 * @throws DeliveryError those of {@link resolveModel} and of opening the store
 */
export async function latestModel(agent: Agent, signal: AbortSignal): Promise<LatestModel | undefined> {
  const wish = agent.inputs.choice('requireLatestModel', ['false', 'true', 'report']);
  if (wish === 'false') return undefined;
  const model = await resolveModel(await openStore(agent), modelSelection(agent.inputs), signal);
  for (const note of model.notes) agent.log(note);
  for (const warning of model.warnings) agent.warn(warning);
  return { model, isRequired: wish === 'true' };
}

/**
 * Whether an image carries the newest model; undefined where nobody asks.
 *
 * @throws DeliveryError `MODEL_NOT_LATEST` where it must and does not
 */
export function carriesLatest(
  image: string,
  { model: carried }: ImageLineage,
  latest: LatestModel | undefined,
): boolean | undefined {
  if (latest === undefined) return undefined;
  const { model, isRequired } = latest;
  if (isSame(carried, model)) return true;
  if (!isRequired) return false;
  const has =
    carried.digest === undefined && carried.version === undefined
      ? 'does not say which model it carries'
      : `carries ${carried.name ?? 'a model'} ${carried.version ?? carried.digest ?? ''}`;
  const other = carried.version === model.version ? ', with other content' : '';
  throw new DeliveryError('MODEL_NOT_LATEST', {
    message: `${image} ${has}${other}; the newest is ${model.name} ${model.version} (${model.uri}).`,
    remedy: 'Run the pipeline that bundles the newest model into the image, or leave requireLatestModel off.',
  });
}

/**
 * By content, where both know it in one way: by digest, or by the blobs of a plain store, which can be overwritten under one
 * version. Else, as of a model that came out of a plain store by way of a folder, by version.
 */
function isSame(carried: ImageLineage['model'], model: ResolvedModel): boolean {
  const content = carried.digest ?? carried.content;
  const inOneWay = (carried.digest === undefined) === (model.digest === undefined);
  if (inOneWay && content !== undefined) return content === contentOf(model);
  return carried.version === model.version && (carried.name === undefined || carried.name === model.name);
}
