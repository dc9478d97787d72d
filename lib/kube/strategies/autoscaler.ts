import { groupOf } from '../client/resource.ts';
import type { ObjectRef, Resource } from '../client/resource.ts';
import type { KubeObject } from '../objects.ts';

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

/** The name of the Deployment that an autoscaler scales. */
export function targetNameOf(object: KubeObject | undefined): string | undefined {
  return isAutoscaler(object) ? object.spec.scaleTargetRef.name : undefined;
}
