import { DeliveryError } from '../../errors/delivery-error.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { ObjectRef } from '../client/resource.ts';
import { titleOf } from '../objects.ts';
import type { KubeObject } from '../objects.ts';
import { each } from './each.ts';

/** So many requests at once. */
const AT_ONCE = 10;
/** From so many objects of a kind on, one list of all there are is quicker than asking for each. */
const MANY = 4;

/**
 * Reads what is there of some objects.
 *
 * @returns for each, in order, the live object; undefined where there is none
 * @throws DeliveryError `OBJECT_DELETED` if one is just being deleted
 * @throws ApiError if one may not be read
 */
export async function snapshot(
  client: KubeClient,
  refs: readonly ObjectRef[],
  signal: AbortSignal,
): Promise<readonly (KubeObject | undefined)[]> {
  const live = new Map<ObjectRef, KubeObject | undefined>();
  await each(groupsOf(refs), AT_ONCE, async ([first, ...others]) => {
    if (others.length + 1 < MANY) {
      for (const ref of [first, ...others]) live.set(ref, await client.get(ref, signal));
      return;
    }
    const { items } = await client.list(first.resource, first.namespace, {}, signal);
    const byName = new Map(items.map((item) => [item.metadata.name, item]));
    for (const ref of [first, ...others]) live.set(ref, byName.get(ref.name));
  });
  return refs.map((ref) => settled(live.get(ref)));
}

type Group = readonly [ObjectRef, ...ObjectRef[]];

/** The objects of one kind in one namespace together. */
function groupsOf(refs: readonly ObjectRef[]): readonly Group[] {
  const groups = new Map<string, Group>();
  for (const ref of refs) {
    const key = `${ref.resource.apiVersion}/${ref.resource.plural}:${ref.namespace ?? ''}`;
    const group = groups.get(key);
    groups.set(key, group === undefined ? [ref] : [...group, ref]);
  }
  return [...groups.values()];
}

function settled(live: KubeObject | undefined): KubeObject | undefined {
  if (live?.metadata.deletionTimestamp === undefined) return live;
  throw new DeliveryError('OBJECT_DELETED', {
    message: `${titleOf(live)} is just being deleted from the cluster.`,
    remedy: 'Wait until it is gone, then run the task again.',
  });
}
