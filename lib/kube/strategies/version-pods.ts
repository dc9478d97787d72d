import { conditionOf } from '../objects.ts';
import type { KubeObject, Pod } from '../objects.ts';
import type { Surroundings } from '../readiness/verdict.ts';

/** The pods of a Deployment that serve, of whichever of its ReplicaSets: it may be between two versions. */
export function servingPodsOf(deployment: KubeObject, { pods, replicaSets }: Surroundings): readonly Pod[] {
  const sets = replicaSets.filter((set) => isOwned(set, deployment));
  return pods.filter((pod) => sets.some((set) => isOwned(pod, set)) && isServing(pod));
}

/** Whether a Service sends requests to a pod, once its labels are right. */
export function isServing(pod: Pod): boolean {
  return pod.metadata.deletionTimestamp === undefined && conditionOf(pod, 'Ready')?.status === 'True';
}

export function isOwned(object: KubeObject, by: KubeObject): boolean {
  return object.metadata.ownerReferences?.some(({ uid }) => uid === by.metadata.uid) === true;
}
