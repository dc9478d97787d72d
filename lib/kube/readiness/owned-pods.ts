import { isDeepStrictEqual } from 'node:util';
import type { KubeObject, Pod } from '../objects.ts';
import type { Surroundings } from './verdict.ts';

const REVISION = 'deployment.kubernetes.io/revision';
const DAEMON_GENERATION = 'deprecated.daemonset.template.generation';

/** The pods that run the newest version of a workload. Those of older versions say nothing about it. */
export function newestPodsOf(workload: KubeObject, around: Surroundings): readonly Pod[] {
  const { uid } = workload.metadata;
  const owned = (owner: string | undefined): readonly Pod[] =>
    around.pods.filter(
      ({ metadata }) =>
        metadata.deletionTimestamp === undefined && metadata.ownerReferences?.some((one) => one.uid === owner) === true,
    );
  switch (workload.kind) {
    case 'Pod':
      return around.pods.filter((pod) => pod.metadata.uid === uid);
    case 'Deployment':
      return owned(newestReplicaSetOf(workload, around)?.metadata.uid ?? 'none yet');
    case 'StatefulSet': {
      const { updateRevision } = (workload.status ?? {}) as { readonly updateRevision?: string };
      return owned(uid).filter((pod) => pod.metadata.labels?.['controller-revision-hash'] === updateRevision);
    }
    case 'DaemonSet': {
      const generation = workload.metadata.annotations?.[DAEMON_GENERATION];
      return owned(uid).filter((pod) => pod.metadata.labels?.['pod-template-generation'] === generation);
    }
    default:
      return owned(uid);
  }
}

/**
 * The ReplicaSet of a Deployment's newest version: the one of the same pod template, which is how its controller finds
 * it. The revision numbers tell the same, but after a step back they follow a moment later than the status does. Undefined
 * as long as the controller has made none: until then the number is that of the old version, whose pods may well crash.
 */
export function newestReplicaSetOf(deployment: KubeObject, around: Surroundings): KubeObject | undefined {
  const owned = around.replicaSets.filter(({ metadata }) =>
    metadata.ownerReferences?.some((owner) => owner.uid === deployment.metadata.uid),
  );
  const template = templateOf(deployment);
  const revision = deployment.metadata.annotations?.[REVISION];
  return (
    owned.find((one) => isDeepStrictEqual(templateOf(one), template)) ??
    owned.find((one) => one.metadata.annotations?.[REVISION] === revision && runsSame(one, deployment))
  );
}

/** Whether the pods of two workloads run the same, whatever their labels and annotations say. */
function runsSame(one: KubeObject, other: KubeObject): boolean {
  const podSpecOf = (workload: KubeObject): unknown => (workload as KubeObject & TemplateParts).spec?.template?.spec;
  return isDeepStrictEqual(podSpecOf(one), podSpecOf(other));
}

interface TemplateParts {
  readonly spec?: {
    readonly template?: {
      readonly metadata?: { readonly labels?: Readonly<Record<string, string>> };
      readonly spec?: unknown;
    };
  };
}

/** The pod template without the label by which ReplicaSets tell their pods apart. */
function templateOf(workload: KubeObject): unknown {
  const { template } = (workload as KubeObject & TemplateParts).spec ?? {};
  const labels = Object.entries(template?.metadata?.labels ?? {}).filter(([key]) => key !== 'pod-template-hash');
  return { ...template, metadata: { ...template?.metadata, labels: Object.fromEntries(labels) } };
}
