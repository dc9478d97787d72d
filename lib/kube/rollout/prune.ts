import { keyOf } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { ObjectRef } from '../client/resource.ts';
import { inLevels } from '../manifests/order.ts';
import { each } from './each.ts';
import { isOurs } from './ours.ts';
import type { Leftovers } from './recover.ts';
import { untilCleared } from './until-cleared.ts';

const AT_ONCE = 10;

/** What holds data, or what others live in: never removed because a manifest is gone. */
const KEPT = ['Namespace', 'PersistentVolume', 'PersistentVolumeClaim', 'CustomResourceDefinition'];

/** What may be pruned, among what. */
export interface PruneScope {
  /** Objects that earlier runs of the application have applied. */
  readonly applied: readonly ObjectRef[];
  /** Objects that this run has, and what is there of them. */
  readonly wanted: readonly Pick<Footprint, 'ref' | 'before'>[];
  /** A run that did not finish may have removed what this one removes too; that counts as if it were there. */
  readonly leftovers: Leftovers;
}

/**
 * Objects that an earlier run of the application applied and that this one does not have any more, as they are now. Reads only.
 * What others have removed since, or what this task no longer manages, is left out.
 */
export async function abandonedBy(
  client: KubeClient,
  { applied, wanted, leftovers }: PruneScope,
  signal: AbortSignal,
): Promise<readonly Footprint[]> {
  const keys = new Set(wanted.map(({ ref }) => keyOf(ref)));
  // One object may be served by two groups: an Ingress by extensions and by networking.k8s.io.
  const uids = new Set(wanted.flatMap(({ before }) => before?.metadata.uid ?? []));
  const candidates = applied.filter((ref) => !keys.has(keyOf(ref)) && !KEPT.includes(ref.resource.kind));
  const live = await Promise.all(
    candidates.map(async (ref) => {
      return { ref, before: (await client.get(ref, signal)) ?? leftovers.get(keyOf(ref))?.before };
    }),
  );
  return live
    .filter(({ before }) => before !== undefined && isOurs(before) && before.metadata.deletionTimestamp === undefined)
    .filter(({ before }) => !uids.has(before?.metadata.uid ?? ''))
    .map((one) => ({ ...one, desired: undefined }));
}

/** Removes objects, those that lean on others first. */
export async function prune(
  client: KubeClient,
  abandoned: readonly Footprint[],
  signal: AbortSignal,
  begun: (footprint: Footprint) => void,
): Promise<void> {
  const levels = inLevels(abandoned, ({ ref }) => ref.resource.kind).toReversed();
  for (const level of levels) {
    await each(level, AT_ONCE, async (footprint) => {
      signal.throwIfAborted();
      begun(footprint);
      await client.remove(footprint.ref, footprint.before?.metadata.uid, signal);
    });
    if (level !== levels.at(-1)) {
      await untilCleared(
        client,
        level.map(({ ref }) => ref),
        signal,
      );
    }
  }
}
