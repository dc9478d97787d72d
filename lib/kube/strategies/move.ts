import { isDeepStrictEqual } from 'node:util';
import { keyOf } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import { ApiError } from '../client/api-error.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { ObjectRef, Resource } from '../client/resource.ts';
import { titleOf } from '../objects.ts';
import type { KubeObject } from '../objects.ts';
import type { Step } from '../rollout/plan.ts';
import { replaceKeepingOwners } from './keeping-owners.ts';
import type { StageTools } from './stage.ts';
import type { StagePlan } from './stage-plan.ts';

/**
 * What goes along with the requests, and the field of its `spec` that says with which pods it is. Such objects are moved, not
 * copied: the labels of the old version's pods are on the new ones too, and a cluster stops all autoscalers that select the
 * same pods (`AmbiguousSelector`), and evicts no pod that two budgets cover.
 */
const MOVED_FIELDS: Readonly<Record<string, string>> = {
  HorizontalPodAutoscaler: 'scaleTargetRef',
  PodDisruptionBudget: 'selector',
};

/** An object as it is before it is moved. */
export interface Movable<Kind extends KubeObject> {
  readonly ref: ObjectRef;
  readonly before: Kind;
}

/** All objects of a kind where the versions of a stage are. */
export async function besideContenders<Kind extends KubeObject>(
  resource: Resource,
  isKind: (object: KubeObject) => object is Kind,
  { contenders }: StagePlan,
  { client, signal }: Pick<StageTools, 'client' | 'signal'>,
): Promise<readonly Kind[]> {
  const namespaces = new Set(contenders.map(({ step }) => step.ref.namespace));
  const lists = await Promise.all([...namespaces].map((one) => client.list(resource, one, {}, signal)));
  return lists.flatMap(({ items }) => items).filter(isKind);
}

/** What is to be moved: an object of which this run has a manifest in the version of that, before and after. */
export function asWritten<Kind extends KubeObject>(
  live: Kind,
  resource: Resource,
  isKind: (object: KubeObject) => object is Kind,
  steps: readonly Step[],
): Movable<Kind> {
  const { name, namespace } = live.metadata;
  const ref: ObjectRef = { resource, namespace, name };
  const own = steps.find((step) => keyOf(step.ref) === keyOf(ref));
  return own?.before !== undefined && isKind(own.before) ? { ref: own.ref, before: own.before } : { ref, before: live };
}

/** The step of an object of which only that field is changed for a while. */
export function moveStep(ref: ObjectRef, before: KubeObject, value: object): Step {
  const field = MOVED_FIELDS[before.kind];
  if (field === undefined) throw new Error(`a ${before.kind} is not moved`);
  return {
    ref,
    title: titleOf(before),
    source: 'moved by the rollout',
    desired: { ...before, spec: { ...(before.spec as object), [field]: value } },
    before,
    judged: 'first',
  };
}

/** Whether a footprint is that of an object that was moved. */
export function isMove({ ref, before, desired }: Footprint): boolean {
  return before !== undefined && desired !== undefined && MOVED_FIELDS[ref.resource.kind] !== undefined;
}

/** Moves an object to where its step wants it. What else it says stays as it is now, and so do its owners. */
export async function move(client: KubeClient, { ref, desired }: Footprint, signal: AbortSignal): Promise<void> {
  await place(client, ref, desired, signal);
}

/** Moves an object back to where it was. */
export async function moveBack(client: KubeClient, { ref, before }: Footprint, signal: AbortSignal): Promise<void> {
  await place(client, ref, before, signal);
}

async function place(
  client: KubeClient,
  ref: ObjectRef,
  wanted: KubeObject | undefined,
  signal: AbortSignal,
): Promise<void> {
  const field = MOVED_FIELDS[ref.resource.kind];
  const live = await client.get(ref, signal);
  if (field === undefined || wanted === undefined || live === undefined) return;
  const value = (wanted.spec as Readonly<Record<string, unknown>>)[field];
  if (isDeepStrictEqual((live.spec as Readonly<Record<string, unknown>>)[field], value)) return;
  await replaceKeepingOwners(client, { ref, live }, { field, path: `/spec/${field}`, value }, signal);
}

/** Whether an object is kept as it is by another one, which would move it back at once; told in a line. */
export function isKept(object: KubeObject, { reporter }: Pick<StageTools, 'reporter'>): boolean {
  const [owner] = object.metadata.ownerReferences ?? [];
  if (owner === undefined) return false;
  reporter.line(`${titleOf(object)} belongs to ${owner.kind}/${owner.name}, so it stays with the old version.`);
  return true;
}

/**
 * Does something with objects of a kind that the Role need not allow.
 *
 * @param without what it means that the right is missing, as the end of a sentence
 * @returns what it came to; undefined if the Role does not allow it
 */
export async function ifAllowed<Found>(
  plural: string,
  without: string,
  { reporter }: Pick<StageTools, 'reporter'>,
  act: () => Promise<Found>,
): Promise<Found | undefined> {
  try {
    return await act();
  } catch (error) {
    if (!(error instanceof ApiError && error.isForbidden && error.asked.resource.startsWith(`${plural}.`))) throw error;
    reporter.line(`No right to ${error.asked.verb} ${error.asked.resource}: ${without}`);
    return undefined;
  }
}
