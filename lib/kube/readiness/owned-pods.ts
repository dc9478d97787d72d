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

/** The ReplicaSet of a Deployment's newest version: the one with the same revision number. */
export function newestReplicaSetOf(deployment: KubeObject, around: Surroundings): KubeObject | undefined {
  return around.replicaSets.find(
    ({ metadata }) =>
      metadata.ownerReferences?.some((owner) => owner.uid === deployment.metadata.uid) === true &&
      metadata.annotations?.[REVISION] === deployment.metadata.annotations?.[REVISION],
  );
}
