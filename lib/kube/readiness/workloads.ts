import { brief } from '../client/api-error.ts';
import { conditionOf, isObserved, titleOf } from '../objects.ts';
import type { KubeObject, Pod } from '../objects.ts';
import { newestPodsOf, newestReplicaSetOf } from './owned-pods.ts';
import { symptomsOfPod } from './pod-symptoms.ts';
import { fatal, ready, waiting } from './verdict.ts';
import type { Surroundings, Symptom, Target, Verdict } from './verdict.ts';

/** Creating a pod may fail for a moment, while an old one still counts against the quota. */
const CREATE_GRACE = 8_000;
const NOT_SEEN = 'not yet seen by its controller';

interface DeploymentParts {
  readonly spec: { readonly replicas?: number; readonly paused?: boolean };
  readonly status?: {
    readonly replicas?: number;
    readonly updatedReplicas?: number;
    readonly availableReplicas?: number;
  };
}

/** The rules of `kubectl rollout status`, without its false ends: stale deadlines, paused and empty Deployments. */
export function assessDeployment(live: KubeObject, target: Target, around: Surroundings): Verdict {
  const { spec, status = {} } = live as KubeObject & DeploymentParts;
  if (spec.paused === true) return waiting('paused', paused(live));
  if (!isObserved(live)) return waiting(NOT_SEEN);
  const wanted = spec.replicas ?? 1;
  const { replicas = 0, updatedReplicas: updated = 0, availableReplicas: available = 0 } = status;
  const old = replicas - updated;
  const detail = `${updated}/${wanted} updated, ${available} available${old > 0 ? `, ${old} old to go` : ''}`;
  if (updated >= wanted && old <= 0 && available >= updated) return readyWith(live, target, wanted, detail);
  return waiting(
    detail,
    ...podSymptoms(live, around),
    ...creationSymptoms(live, around),
    ...deadline(live, target, around),
  );
}

/**
 * A deadline that was missed by this version. The condition of an earlier version stays on the object until the new
 * one makes progress (kubernetes #49637), so one that was there when the object was written is ignored.
 */
function deadline(live: KubeObject, target: Target, around: Surroundings): readonly Symptom[] {
  const progressing = conditionOf(live, 'Progressing');
  const before = conditionOf(target.written, 'Progressing');
  if (progressing?.reason !== 'ProgressDeadlineExceeded') return [];
  if (before?.reason === progressing.reason && before.lastUpdateTime === progressing.lastUpdateTime) return [];
  const why = failedProbeOf(live, around);
  return [
    fatal(
      `deadline/${live.metadata.name}`,
      'PROGRESS_DEADLINE_EXCEEDED',
      `${titleOf(live)} made no progress within its progressDeadlineSeconds${why === undefined ? '' : `: ${why}`}.`,
      why === undefined
        ? 'See above what its pods wait for; give it more time (progressDeadlineSeconds) if they were still coming up.'
        : 'Correct path and port of the probe, or see in the last lines of its log why the app does not answer.',
    ),
  ];
}

/** What the newest failed probe of a workload's pods said: `Readiness probe failed: … statuscode: 404`. */
export function failedProbeOf(live: KubeObject, around: Surroundings): string | undefined {
  const uids = newestPodsOf(live, around).map(({ metadata }) => metadata.uid);
  const event = around.events.findLast(
    ({ reason, involvedObject }) => reason === 'Unhealthy' && uids.includes(involvedObject.uid),
  );
  return event?.message === undefined ? undefined : brief(event.message).replace(/\.$/, '');
}

interface StatefulSetParts {
  readonly spec: {
    readonly replicas?: number;
    readonly updateStrategy?: { readonly type?: string; readonly rollingUpdate?: { readonly partition?: number } };
  };
  readonly status?: {
    readonly replicas?: number;
    readonly readyReplicas?: number;
    readonly updatedReplicas?: number;
    readonly currentRevision?: string;
    readonly updateRevision?: string;
  };
}

export function assessStatefulSet(live: KubeObject, target: Target, around: Surroundings): Verdict {
  const { spec, status = {} } = live as KubeObject & StatefulSetParts;
  if (!isObserved(live)) return waiting(NOT_SEEN);
  const wanted = spec.replicas ?? 1;
  const { replicas = 0, readyReplicas = 0, currentRevision, updateRevision } = status;
  const sameRevision = currentRevision === updateRevision;
  const updated = sameRevision ? replicas : (status.updatedReplicas ?? 0);
  const toUpdate = Math.max(0, wanted - (spec.updateStrategy?.rollingUpdate?.partition ?? 0));
  const detail = `${Math.min(updated, wanted)}/${toUpdate} updated, ${readyReplicas} ready`;
  const allReady = replicas === wanted && readyReplicas >= wanted;
  if (allReady && spec.updateStrategy?.type === 'OnDelete' && !sameRevision) {
    return ready(detail, `${titleOf(live)} updates a pod only when it is deleted (OnDelete): old pods still run.`);
  }
  if (allReady && updated >= toUpdate && updated < wanted) {
    return ready(detail, `${titleOf(live)} keeps its first pods as they are (partition): old pods still run.`);
  }
  if (allReady && updated >= toUpdate) return readyWith(live, target, wanted, detail);
  return waiting(detail, ...podSymptoms(live, around), ...creationSymptoms(live, around));
}

interface DaemonSetParts {
  readonly spec: { readonly updateStrategy?: { readonly type?: string } };
  readonly status?: {
    readonly desiredNumberScheduled?: number;
    readonly updatedNumberScheduled?: number;
    readonly numberAvailable?: number;
  };
}

export function assessDaemonSet(live: KubeObject, around: Surroundings): Verdict {
  const { spec, status = {} } = live as KubeObject & DaemonSetParts;
  if (!isObserved(live)) return waiting(NOT_SEEN);
  const { desiredNumberScheduled: wanted = 0, updatedNumberScheduled: updated = 0, numberAvailable = 0 } = status;
  const detail = `${updated}/${wanted} nodes updated, ${numberAvailable} available`;
  if (wanted === 0) return ready('no node to run on', `${titleOf(live)} matches no node, so nothing runs.`);
  if (numberAvailable >= wanted && spec.updateStrategy?.type === 'OnDelete' && updated < wanted) {
    return ready(detail, `${titleOf(live)} updates a pod only when it is deleted (OnDelete): old pods still run.`);
  }
  if (updated >= wanted && numberAvailable >= wanted) return ready(detail);
  return waiting(detail, ...podSymptoms(live, around), ...creationSymptoms(live, around));
}

export function assessReplicaSet(live: KubeObject, target: Target, around: Surroundings): Verdict {
  const { spec, status = {} } = live as KubeObject & DeploymentParts;
  if (!isObserved(live)) return waiting(NOT_SEEN);
  const wanted = spec.replicas ?? 1;
  const { replicas = 0, availableReplicas = 0 } = status;
  const detail = `${availableReplicas}/${wanted} available`;
  if (replicas !== wanted || availableReplicas < wanted) {
    return waiting(detail, ...podSymptoms(live, around), ...creationSymptoms(live, around));
  }
  if (newestPodsOf(live, around).some((pod) => !runsImagesOf(live, pod))) {
    return ready(detail, `${titleOf(live)} does not replace its pods: old pods still run. Use a Deployment.`);
  }
  return readyWith(live, target, wanted, detail);
}

/** Whether a pod was made with the images that its workload's template names now; what webhooks add to a pod does not count. */
function runsImagesOf(workload: KubeObject, pod: Pod): boolean {
  const { spec } = workload as KubeObject & { readonly spec?: { readonly template?: Pick<Pod, 'spec'> } };
  const wanted = spec?.template?.spec.containers ?? [];
  return wanted.every(({ name, image }) => pod.spec.containers.find((one) => one.name === name)?.image === image);
}

/** Nothing is served by zero replicas: fine only if the manifest itself asks for them. */
function readyWith(live: KubeObject, target: Target, wanted: number, detail: string): Verdict {
  if (wanted > 0) return ready(detail);
  if (target.wantsNone) return ready('no replicas, as its manifest asks', `${titleOf(live)} runs no replicas.`);
  return waiting('scaled to zero', scaledToZero(live));
}

/** A Deployment whose rollouts somebody has stopped. */
export function paused(object: KubeObject): Symptom {
  return fatal(
    `paused/${object.metadata.name}`,
    'WORKLOAD_PAUSED',
    `${titleOf(object)} is paused, so its new version would never start.`,
    `Resume it (kubectl rollout resume deployment/${object.metadata.name}) or remove spec.paused from the manifest.`,
  );
}

/** A workload that somebody has scaled to nothing. */
export function scaledToZero(object: KubeObject): Symptom {
  return fatal(
    `zero/${object.metadata.name}`,
    'WORKLOAD_SCALED_TO_ZERO',
    `${titleOf(object)} is scaled to zero in the cluster, so nothing of it would run.`,
    'Scale it up, or write replicas into its manifest (0, if nothing shall run).',
  );
}

/** What ails the pods of the newest version. */
export function podSymptoms(live: KubeObject, around: Surroundings, crashesCount = true): readonly Symptom[] {
  return newestPodsOf(live, around).flatMap((pod) => symptomsOfPod(pod, around.events, crashesCount));
}

/**
 * Pods of the newest version that cannot even be created: quota, a missing service account, a webhook that denies them.
 * A Deployment repeats what any of its ReplicaSets complains of, also one of a version that is no longer wanted; so the
 * newest ReplicaSet itself is asked.
 */
export function creationSymptoms(live: KubeObject, around: Surroundings): readonly Symptom[] {
  const maker = live.kind === 'Deployment' ? newestReplicaSetOf(live, around) : live;
  if (maker === undefined) return [];
  const failure = conditionOf(maker, 'ReplicaFailure');
  const event = around.events.findLast(
    (one) => one.reason === 'FailedCreate' && one.involvedObject.uid === maker.metadata.uid,
  );
  const message = failure?.status === 'True' ? failure.message : event?.message;
  if (message === undefined || newestPodsOf(live, around).length > 0) return [];
  return [
    {
      key: `create/${titleOf(maker)}`,
      graceMs: CREATE_GRACE,
      code: 'PODS_NOT_CREATED',
      message: `The cluster refuses to create pods of ${titleOf(live)}: ${brief(message).replace(/\.$/, '')}.`,
      remedy: message.includes('quota')
        ? 'Raise the ResourceQuota of the namespace, or lower replicas or requests.'
        : 'Correct what the cluster names: a service account, a policy, a webhook.',
    },
  ];
}
