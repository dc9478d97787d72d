import type { Footprint } from '../application/footprint.ts';
import { ApiError } from '../client/api-error.ts';
import { explained } from '../client/kube-client.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { untilReached } from '../client/until-reached.ts';
import { PODS } from '../client/resource.ts';
import { inLevels } from '../manifests/order.ts';
import { conditionOf } from '../objects.ts';
import type { KubeObject, Pod } from '../objects.ts';
import type { Target } from '../readiness/verdict.ts';
import { COUNTERS, isSameContent } from './content.ts';
import { each } from './each.ts';
import { newborn } from './newborn.ts';
import { isOurs } from './ours.ts';
import { isTemporary } from '../strategies/temporary.ts';
import { removeAndWait } from './recreate.ts';
import { untilCleared } from './until-cleared.ts';
import { wantsNone } from './write.ts';

const AT_ONCE = 25;
/** Controllers write the same object now and then; each time, the newest version is read again. */
const CONFLICTS = 10;

/** What putting back came to. */
export interface Restoration {
  /** Objects that are as they were, to be waited for. */
  readonly putBack: readonly Target[];
  /** Objects that this run had created, now being removed. */
  readonly removed: readonly Footprint[];
  /** Objects that could not be put back, and why. */
  readonly failures: readonly { readonly footprint: Footprint; readonly error: unknown }[];
}

/**
 * Puts back everything that a run has begun to write, in reverse order: changed objects get their former content and
 * their former field owners, created ones are removed. What cannot be put back is reported, never thrown, so that
 * everything else still is.
 *
 * @param signal ends the attempt; whatever is not back by then counts as a failure
 * @param waiting ends, or forbids, to wait for custom resources to go before the operator goes; left out, nobody waits
 */
export async function restore(
  client: KubeClient,
  begun: readonly Footprint[],
  signal: AbortSignal,
  waiting = AbortSignal.abort(),
): Promise<Restoration> {
  const putBack: Target[] = [];
  const removed: Footprint[] = [];
  const failures: { footprint: Footprint; error: unknown }[] = [];
  const levels = inLevels(begun, ({ ref }) => ref.resource.kind).toReversed();
  for (const level of levels) {
    await each(level.toReversed(), AT_ONCE, async (footprint) => {
      try {
        const object = await untilReached(() => restoreOne(client, footprint, signal), signal);
        if (object !== undefined) putBack.push({ ref: footprint.ref, written: object, wantsNone: wantsNone(object) });
        else removed.push(footprint);
      } catch (error) {
        failures.push({ footprint, error: signal.aborted ? signal.reason : explained(error) });
      }
    });
    const gone = level.filter((one) => removed.includes(one)).map(({ ref }) => ref);
    if (level !== levels.at(-1)) await untilCleared(client, gone, AbortSignal.any([signal, waiting]));
  }
  return { putBack, removed, failures };
}

/** The object as it is after it was put back; undefined if it was removed because there was none before. */
async function restoreOne(
  client: KubeClient,
  footprint: Footprint,
  signal: AbortSignal,
): Promise<KubeObject | undefined> {
  const { ref, before, desired } = footprint;
  if (before === undefined) {
    const live = await client.get(ref, signal);
    // What stood beside the stable version frees its name at once: the next run may need it while pods are still ending.
    const frees = isTemporary(footprint) ? 'Background' : undefined;
    if (live !== undefined && isOurs(live)) await client.remove(ref, live.metadata.uid, signal, frees);
    return undefined;
  }
  for (let attempt = 0; ; attempt++) {
    const live = await client.get(ref, signal);
    if (live?.metadata.resourceVersion === before.metadata.resourceVersion) return before;
    try {
      if (live !== undefined && isAnother(live, before)) {
        await removeAndWait(client, ref, live, signal);
        continue;
      }
      if (live === undefined && isDoneJob(before)) return undefined;
      const content =
        live === undefined
          ? await client.create(ref, newborn(before), signal)
          : await client.replace(ref, formerContent(before, live, desired), signal);
      if (live !== undefined && ref.resource.kind === 'StatefulSet')
        await removeStuckPods(client, before, live, signal);
      return await restoreOwners(client, footprint, content, signal);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409 && attempt < CONFLICTS)) throw error;
    }
  }
}

/** Whether an object was made anew, or is about to go: then it cannot be changed back into what it was. */
function isAnother(live: KubeObject, before: KubeObject): boolean {
  return (
    live.metadata.deletionTimestamp !== undefined ||
    (live.metadata.uid !== before.metadata.uid && !isSameContent(live, before))
  );
}

/** The object as it was, to be written over what it is now. What others keep in it stays theirs. */
function formerContent(before: KubeObject, live: KubeObject, desired: KubeObject | undefined): KubeObject {
  const counters = Object.entries(live.metadata.annotations ?? {}).filter(([key]) => COUNTERS.includes(key));
  const annotations = { ...before.metadata.annotations, ...Object.fromEntries(counters) };
  const { uid = '', resourceVersion = '' } = live.metadata;
  const metadata = { ...before.metadata, uid, resourceVersion, annotations };
  const spec = (before.spec ?? undefined) as object | undefined;
  const { replicas: wanted } = (desired?.spec ?? {}) as { readonly replicas?: number };
  const { replicas } = (live.spec ?? {}) as { readonly replicas?: number };
  // This run said nothing about replicas, so whoever scales the workload (an autoscaler, a person) keeps them.
  const keepsReplicas = spec !== undefined && wanted === undefined && replicas !== undefined && 'replicas' in spec;
  return { ...before, metadata, ...(keepsReplicas ? { spec: { ...spec, replicas } } : {}) };
}

/** A Job that has done its work is not made anew: it would do it again. */
function isDoneJob(before: KubeObject): boolean {
  const isDone = ['Complete', 'Failed'].some((type) => conditionOf(before, type)?.status === 'True');
  return before.kind === 'Job' && isDone;
}

/**
 * Gives the fields back to their former managers. The write that put the content back made this task the owner of what
 * it changed, as an update; left so, the next apply would conflict with it. A write that changes nothing but
 * managedFields is taken as it stands (kubernetes.io/docs/reference/using-api/server-side-apply, "Clearing
 * managedFields").
 */
async function restoreOwners(
  client: KubeClient,
  { ref, before }: Footprint,
  content: KubeObject,
  signal: AbortSignal,
): Promise<KubeObject> {
  const value = before?.metadata.managedFields;
  if (value === undefined || value.length === 0) return content;
  return client.patchJson(ref, [{ op: 'replace', path: '/metadata/managedFields', value }], signal);
}

/**
 * A StatefulSet waits for its broken pod to become ready before it replaces it, even by a better version
 * (kubernetes.io/docs/concepts/workloads/controllers/statefulset, "Forced rollback"); so such pods are removed.
 */
async function removeStuckPods(
  client: KubeClient,
  before: KubeObject,
  live: KubeObject,
  signal: AbortSignal,
): Promise<void> {
  const revisionOf = (object: KubeObject): string | undefined =>
    (object.status as { readonly updateRevision?: string } | undefined)?.updateRevision;
  const broken = revisionOf(live);
  if (broken === undefined || broken === revisionOf(before)) return;
  const { items } = await client.list(PODS, live.metadata.namespace, {}, signal);
  const stuck = (items as readonly Pod[]).filter(
    (pod) =>
      pod.metadata.ownerReferences?.some(({ uid }) => uid === live.metadata.uid) === true &&
      pod.metadata.labels?.['controller-revision-hash'] === broken &&
      conditionOf(pod, 'Ready')?.status !== 'True',
  );
  for (const { metadata } of stuck) {
    await client.remove({ resource: PODS, namespace: metadata.namespace, name: metadata.name }, metadata.uid, signal);
  }
}
