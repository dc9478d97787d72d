import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../errors/delivery-error.ts';
import { ApiError } from '../client/api-error.ts';
import { explained } from '../client/kube-client.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { PODS } from '../client/resource.ts';
import { inLevels } from '../manifests/order.ts';
import { conditionOf } from '../objects.ts';
import type { KubeObject, Pod } from '../objects.ts';
import type { Target } from '../readiness/verdict.ts';
import { COUNTERS } from './content.ts';
import { each } from './each.ts';
import type { Step } from './plan.ts';
import { wantsNone } from './write.ts';

const AT_ONCE = 10;
/** Controllers write the same object now and then; each time, the newest version is read again. */
const CONFLICTS = 10;

/** What putting back came to. */
export interface Restoration {
  /** Objects that are as they were, to be waited for. */
  readonly putBack: readonly Target[];
  /** Objects that this run had created, now being removed. */
  readonly removed: readonly Step[];
  /** Objects that could not be put back, and why. */
  readonly failures: readonly { readonly step: Step; readonly error: unknown }[];
}

/**
 * Puts back everything that a run has begun to write, in reverse order: changed objects get their former content and
 * their former field owners, created ones are removed. What cannot be put back is reported, never thrown, so that
 * everything else still is.
 *
 * @param signal ends the attempt; whatever is not back by then counts as a failure
 */
export async function restore(client: KubeClient, begun: readonly Step[], signal: AbortSignal): Promise<Restoration> {
  const putBack: Target[] = [];
  const removed: Step[] = [];
  const failures: { step: Step; error: unknown }[] = [];
  const levels = inLevels(begun, ({ desired }) => desired.kind).toReversed();
  for (const level of levels) {
    await each(level.toReversed(), AT_ONCE, async (step) => {
      try {
        const object = await untilReached(() => restoreOne(client, step, signal), signal);
        if (object !== undefined) putBack.push({ ref: step.ref, written: object, wantsNone: wantsNone(object) });
        else removed.push(step);
      } catch (error) {
        failures.push({ step, error: signal.aborted ? signal.reason : explained(error) });
      }
    });
  }
  return { putBack, removed, failures };
}

/** The object as it is after it was put back; undefined if it was removed because there was none before. */
async function restoreOne(client: KubeClient, step: Step, signal: AbortSignal): Promise<KubeObject | undefined> {
  const { ref, before } = step;
  if (before === undefined) {
    const live = await client.get(ref, signal);
    if (live !== undefined) await client.remove(ref, live.metadata.uid, signal);
    return undefined;
  }
  for (let attempt = 0; ; attempt++) {
    const live = await client.get(ref, signal);
    if (live?.metadata.resourceVersion === before.metadata.resourceVersion) return before;
    try {
      const content =
        live === undefined
          ? await client.create(ref, newborn(before), signal)
          : await client.replace(ref, formerContent(before, live, step.desired), signal);
      if (live !== undefined && ref.resource.kind === 'StatefulSet')
        await removeStuckPods(client, before, live, signal);
      return await restoreOwners(client, step, content, signal);
    } catch (error) {
      if (!(error instanceof ApiError && error.status === 409 && attempt < CONFLICTS)) throw error;
    }
  }
}

/** The object as it was, to be written over what it is now. What others keep in it stays theirs. */
function formerContent(before: KubeObject, live: KubeObject, desired: KubeObject): KubeObject {
  const counters = Object.entries(live.metadata.annotations ?? {}).filter(([key]) => COUNTERS.includes(key));
  const annotations = { ...before.metadata.annotations, ...Object.fromEntries(counters) };
  const metadata = { ...before.metadata, resourceVersion: live.metadata.resourceVersion ?? '', annotations };
  const spec = (before.spec ?? undefined) as object | undefined;
  const { replicas: wanted } = (desired.spec ?? {}) as { readonly replicas?: number };
  const { replicas } = (live.spec ?? {}) as { readonly replicas?: number };
  // This run said nothing about replicas, so whoever scales the workload (an autoscaler, a person) keeps them.
  const keepsReplicas = spec !== undefined && wanted === undefined && replicas !== undefined && 'replicas' in spec;
  return { ...before, metadata, ...(keepsReplicas ? { spec: { ...spec, replicas } } : {}) };
}

/** The object as it was, to be created anew after somebody deleted it. */
function newborn(before: KubeObject): KubeObject {
  const { name, namespace, labels, annotations } = before.metadata;
  const metadata = Object.entries({ name, namespace, labels, annotations }).filter(([, value]) => value !== undefined);
  return { ...before, metadata: Object.fromEntries(metadata) as unknown as KubeObject['metadata'] };
}

/**
 * Gives the fields back to their former managers. The write that put the content back made this task the owner of what
 * it changed, as an update; left so, the next apply would conflict with it. A write that changes nothing but
 * managedFields is taken as it stands (kubernetes.io/docs/reference/using-api/server-side-apply, "Clearing
 * managedFields").
 */
async function restoreOwners(
  client: KubeClient,
  { ref, before }: Step,
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

/** An API server that is just restarting must not leave half a rollout behind. */
async function untilReached<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      const unreachable = error instanceof DeliveryError && error.code === 'CLUSTER_UNREACHABLE';
      if (!unreachable || signal.aborted) throw error;
      await sleep(1000, undefined, { signal });
    }
  }
}
