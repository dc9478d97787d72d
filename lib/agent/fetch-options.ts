import { messageOf } from '../errors/delivery-error.ts';
import { ContentCache } from '../model/content-cache.ts';
import { propertyRequirement, type Requirements } from '../model/requirements.ts';
import type { Agent } from './agent.ts';
import { fullPath } from './working-folder.ts';

const GB = 1024 ** 3;

/**
 * What the inputs require of a model (`maxAgeDays`, `minimumProperties`, `onUnmet`).
 *
 * @throws DeliveryError `INPUT_INVALID`, `REQUIREMENT_INVALID`
 */
export function requirements({ inputs }: Agent): Requirements {
  return {
    maxAgeDays: inputs.optionalInteger('maxAgeDays', { min: 1, max: 36_500 }),
    properties: inputs.lines('minimumProperties').map(propertyRequirement),
    onUnmet: inputs.choice('onUnmet', ['fail', 'warn']),
  };
}

/**
 * The cache that the inputs name (`cacheFolder`, `cacheSizeGB`); undefined where there is none. One that cannot be used is a warning: the
 * model is fetched without it.
 *
 * @throws DeliveryError `INPUT_INVALID`
 */
export async function contentCache(agent: Agent): Promise<ContentCache | undefined> {
  const folder = agent.inputs.optionalText('cacheFolder');
  if (folder === undefined) return undefined;
  const bound = agent.inputs.integer('cacheSizeGB', { min: 1, max: 1_000_000 }) * GB;
  try {
    return await ContentCache.open(fullPath(agent, folder), bound);
  } catch (error) {
    agent.warn(messageOf(error));
    return undefined;
  }
}
