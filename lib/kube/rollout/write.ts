import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import { ApiError } from '../client/api-error.ts';
import { finishing } from '../client/finishing.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { keepingLineage } from '../manifests/lineage.ts';
import { inLevels } from '../manifests/order.ts';
import type { KubeObject } from '../objects.ts';
import type { RolloutReporter } from '../reporter.ts';
import { scaledToZero, paused } from '../readiness/workloads.ts';
import type { Symptom } from '../readiness/verdict.ts';
import { isSameContent } from './content.ts';
import { each } from './each.ts';
import type { Step } from './plan.ts';
import { immutableFieldOf, isAnotherPod, mayRecreate, removeAndWait } from './recreate.ts';
import { ownsReplicas } from './ours.ts';
import { explainApply } from './refusal.ts';

/** So many objects are judged or written at once: what takes long is the way to the cluster and back. */
const AT_ONCE = 25;

/** How a run that writes is done. */
export interface WriteOptions {
  readonly force: boolean;
  /** Delete and make anew what cannot be changed otherwise. */
  readonly recreate: boolean;
  readonly signal: AbortSignal;
}

/** An object as it was written. */
export interface Written {
  readonly step: Step;
  readonly object: KubeObject;
  readonly change: 'created' | 'changed' | 'recreated' | 'unchanged';
}

/**
 * Asks the server whether it would accept the objects, without writing any: validation, admission and field
 * ownership all take part. All refusals are told; the first one is thrown.
 *
 * @returns the steps as they are to be written, see {@link resetsReplicas}
 * @throws DeliveryError `APPLY_REFUSED`, `APPLY_CONFLICT`, `WORKLOAD_PAUSED`, `WORKLOAD_SCALED_TO_ZERO`, …
 */
export async function dryRun(
  client: KubeClient,
  steps: readonly Step[],
  options: WriteOptions,
  reporter: RolloutReporter,
): Promise<readonly Step[]> {
  const judged = new Map<Step, Step>();
  const refusals: Error[] = [];
  await each(steps, AT_ONCE, async (step) => {
    try {
      const { preview, recreates } = await judge(client, step, options);
      judged.set(step, recreates ? { ...step, preview, recreates } : settled(step, preview));
      const vain = vainEffortOf(preview, step.desired);
      if (vain !== undefined) throw new DeliveryError(vain.code, vain);
    } catch (error) {
      options.signal.throwIfAborted();
      const refusal = explainApply(error, step);
      refusals.push(refusal instanceof Error ? refusal : new Error(messageOf(refusal)));
    }
  });
  const [first] = refusals;
  if (first === undefined) return steps.map((step) => judged.get(step) ?? step);
  if (refusals.length > 1) {
    reporter.group(`${refusals.length} objects are refused; nothing was changed`, refusals.map(messageOf));
  }
  throw first;
}

/** How an object would be after it was written, and whether it has to be made anew for that. */
async function judge(
  client: KubeClient,
  step: Step,
  { force, recreate, signal }: WriteOptions,
): Promise<{ readonly preview: KubeObject; readonly recreates: boolean }> {
  const { ref, desired, before } = step;
  try {
    const preview = await whenServed(() => client.apply(ref, desired, { dryRun: true, force }, signal), step);
    return { preview, recreates: before !== undefined && isAnotherPod(before, preview) };
  } catch (error) {
    const isPossible = before !== undefined && mayRecreate(ref.resource.kind, recreate);
    if (!isPossible || immutableFieldOf(error) === undefined) throw error;
    // Under a name that is free, the server says what it would say if the object were gone.
    const name = `${ref.name.slice(0, 50)}-${randomBytes(4).toString('hex')}`;
    const stranger = { ...desired, metadata: { ...desired.metadata, name } };
    const preview = await client.apply({ ...ref, name }, stranger, { dryRun: true, force }, signal);
    return { preview: { ...preview, metadata: { ...preview.metadata, name: ref.name } }, recreates: true };
  }
}

/** A step whose object only changes: what of it stays, stays as it is. */
function settled(step: Step, preview: KubeObject): Step {
  const { before } = step;
  if (before === undefined) return { ...step, preview, recreates: false };
  const keepsReplicas = resetsReplicas(step, before, preview);
  const next = keepsReplicas ? withReplicas(preview, replicasOf(before)) : preview;
  const keeping = (object: KubeObject): KubeObject => keepingLineage(object, before, next, isSameContent);
  return { ...step, desired: keeping(step.desired), preview: keeping(next), recreates: false, keepsReplicas };
}

/**
 * A manifest that no longer says how many replicas leaves that to whoever scales the workload. But if this task has written
 * the number and nobody has taken the field over yet, giving it up would reset it to 1
 * (kubernetes.io/docs/reference/using-api/server-side-apply, "Transferring ownership"); so the number of the moment is
 * written once more. Where the task has never written it, a number that differs is the work of an autoscaler meanwhile.
 */
function resetsReplicas({ desired }: Step, before: KubeObject, preview: KubeObject): boolean {
  const now = replicasOf(before);
  if (now === undefined || replicasOf(desired) !== undefined || replicasOf(preview) === now) return false;
  return ownsReplicas(before);
}

/** An object to be written, with the replicas that it has at this moment if they are to be kept. */
async function toBeWritten(client: KubeClient, step: Step, signal: AbortSignal): Promise<KubeObject> {
  if (step.keepsReplicas !== true) return step.desired;
  return withReplicas(step.desired, replicasOf((await client.get(step.ref, signal)) ?? step.before));
}

function withReplicas(object: KubeObject, replicas: number | undefined): KubeObject {
  return { ...object, spec: { ...(object.spec as object), replicas } };
}

function replicasOf(object: KubeObject | undefined): number | undefined {
  return ((object?.spec ?? {}) as { readonly replicas?: number }).replicas;
}

/** What would be accepted, and still never run. */
function vainEffortOf(preview: KubeObject, desired: KubeObject): Symptom | undefined {
  const { paused: isPaused, replicas } = (preview.spec ?? {}) as {
    readonly paused?: boolean;
    readonly replicas?: number;
  };
  if (preview.kind === 'Deployment' && isPaused === true) return paused(preview);
  const isScaled = ['Deployment', 'StatefulSet', 'ReplicaSet'].includes(preview.kind);
  return isScaled && replicas === 0 && !wantsNone(desired) ? scaledToZero(preview) : undefined;
}

/** Whether a manifest itself asks for zero replicas. */
export function wantsNone(desired: KubeObject): boolean {
  return replicasOf(desired) === 0;
}

/** Whom to tell how writing goes on. */
export interface WriteListener {
  /** Before the request leaves, so that whatever happens then, it is known what may have changed. */
  begun(step: Step): void;
  written(written: Written): void;
}

/**
 * Writes the objects by server-side apply, level by level. A request that is under way is not cut off by the signal:
 * the next one just does not start.
 */
export async function write(
  client: KubeClient,
  steps: readonly Step[],
  options: WriteOptions,
  listener: WriteListener,
): Promise<void> {
  for (const level of inLevels(steps, ({ desired }) => desired.kind)) {
    await each(level, AT_ONCE, async (step) => {
      options.signal.throwIfAborted();
      listener.begun(step);
      try {
        listener.written(await writeOne(client, step, options));
      } catch (error) {
        throw explainApply(error, step);
      }
    });
  }
}

/** How long a request that is under way may go on after the run was told to stop, in milliseconds. */
const FINISH = 1_000;

async function writeOne(client: KubeClient, step: Step, { force, signal }: WriteOptions): Promise<Written> {
  if (step.recreates === true && step.before !== undefined) {
    await removeAndWait(client, step.ref, step.before, signal);
  }
  const desired = await toBeWritten(client, step, signal);
  const object = await finishing(signal, FINISH, (end) =>
    whenServed(() => client.apply(step.ref, desired, { dryRun: false, force }, end), step),
  );
  return { step, object, change: changeOf(step, object) };
}

/** A new kind is served a moment after its definition is established. */
async function whenServed(apply: () => Promise<KubeObject>, step: Step): Promise<KubeObject> {
  for (let attempt = 0; ; attempt++) {
    try {
      return await apply();
    } catch (error) {
      const mayCome = step.judged !== 'first' && error instanceof ApiError && error.status === 404 && attempt < 20;
      if (!mayCome) throw error;
      await sleep(250);
    }
  }
}

function changeOf({ before, recreates }: Step, object: KubeObject): Written['change'] {
  if (recreates === true) return 'recreated';
  if (before === undefined) return 'created';
  if (before.metadata.resourceVersion === object.metadata.resourceVersion) return 'unchanged';
  return isSameContent(before, object) ? 'unchanged' : 'changed';
}
