import type { KubeClient } from '../client/kube-client.ts';
import { groupOf } from '../client/resource.ts';
import type { ObjectRef, Resource } from '../client/resource.ts';
import { titleOf } from '../objects.ts';
import type { KubeObject } from '../objects.ts';
import type { Step } from '../rollout/plan.ts';
import { replaceKeepingOwners } from './keeping-owners.ts';

/** In the version that every cluster serves; what that cannot say it keeps in annotations, so nothing gets lost. */
export const AUTOSCALERS: Resource = {
  apiVersion: 'autoscaling/v1',
  kind: 'HorizontalPodAutoscaler',
  plural: 'horizontalpodautoscalers',
  namespaced: true,
};

/** A HorizontalPodAutoscaler: what all versions of its API have in common. */
export interface Autoscaler extends KubeObject {
  readonly spec: { readonly scaleTargetRef: { readonly kind: string; readonly name: string } };
}

export function isAutoscaler(object: KubeObject | undefined): object is Autoscaler {
  return object?.kind === AUTOSCALERS.kind && groupOf(object.apiVersion) === groupOf(AUTOSCALERS.apiVersion);
}

/** Whether an autoscaler scales a Deployment. */
export function scales({ metadata, spec }: Autoscaler, { namespace, name, resource }: ObjectRef): boolean {
  const { scaleTargetRef: target } = spec;
  return metadata.namespace === namespace && target.kind === resource.kind && target.name === name;
}

/** The step of an autoscaler that scales another Deployment for a while. */
export function targetStep(ref: ObjectRef, before: Autoscaler, name: string): Step {
  return {
    ref,
    title: titleOf(before),
    source: 'moved by the rollout',
    desired: { ...before, spec: { ...before.spec, scaleTargetRef: { ...before.spec.scaleTargetRef, name } } },
    before,
    judged: 'first',
  };
}

/** The name of the Deployment that an autoscaler scales. */
export function targetNameOf(object: KubeObject | undefined): string | undefined {
  return isAutoscaler(object) ? object.spec.scaleTargetRef.name : undefined;
}

/** Has an autoscaler scale another Deployment. What else it says stays as it is now, and so do its owners. */
export async function setTarget(client: KubeClient, ref: ObjectRef, name: string, signal: AbortSignal): Promise<void> {
  const live = await client.get(ref, signal);
  if (live === undefined || targetNameOf(live) === name) return;
  const change = { field: 'scaleTargetRef', path: '/spec/scaleTargetRef/name', value: name };
  await replaceKeepingOwners(client, { ref, live }, change, signal);
}
