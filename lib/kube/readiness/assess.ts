import { conditionOf } from '../objects.ts';
import type { KubeObject } from '../objects.ts';
import {
  assessByConditions,
  assessDefinition,
  assessIngress,
  assessJob,
  assessNamespace,
  assessPod,
  assessService,
  assessVolumeClaim,
} from './other-kinds.ts';
import { fatal, ready, waiting } from './verdict.ts';
import type { Surroundings, Target, Verdict } from './verdict.ts';
import { assessDaemonSet, assessDeployment, assessReplicaSet, assessStatefulSet } from './workloads.ts';

/**
 * Whether an object is ready, from nothing but what is seen of it: the same picture always gives the same verdict.
 *
 * @param live the object as last seen; undefined if it is not there
 * @param waitedMs how long it has been waited for, in milliseconds
 */
export function assess(target: Target, live: KubeObject | undefined, around: Surroundings, waitedMs: number): Verdict {
  const { written } = target;
  if (live === undefined || live.metadata.uid !== written.metadata.uid) return vanished(target, waitedMs);
  // What is seen may lag behind what was written.
  if ((live.metadata.generation ?? 0) < (written.metadata.generation ?? 0)) return waiting('written');
  switch (groupedKindOf(live)) {
    case 'apps/Deployment':
      return assessDeployment(live, target, around);
    case 'apps/StatefulSet':
      return assessStatefulSet(live, target, around);
    case 'apps/DaemonSet':
      return assessDaemonSet(live, around);
    case 'apps/ReplicaSet':
      return assessReplicaSet(live, target, around);
    case 'batch/Job':
      return assessJob(live, around);
    case '/Pod':
      return assessPod(live, around);
    case '/Service':
      return assessService(live, around);
    case 'networking.k8s.io/Ingress':
    case 'extensions/Ingress':
      return assessIngress(live, waitedMs);
    case '/PersistentVolumeClaim':
      return assessVolumeClaim(live, around);
    case 'apiextensions.k8s.io/CustomResourceDefinition':
      return assessDefinition(live);
    case '/Namespace':
      return assessNamespace(live);
    case 'batch/CronJob':
      return ready('runs when its time comes');
    case 'apiregistration.k8s.io/APIService':
      return conditionOf(live, 'Available') === undefined ? waiting('not yet seen') : assessByConditions(live);
    default:
      return isUntold(target, live, waitedMs) ? waiting('not yet seen by its controller') : assessByConditions(live);
  }
}

/** How long the controller of a custom resource may take for its first word, before nobody seems to have one. */
const FIRST_WORD = 5_000;

/** Whether a custom resource has a status that its controller has not written yet: nothing is known of it so far. */
function isUntold({ ref }: Target, { apiVersion, status }: KubeObject, waitedMs: number): boolean {
  const isCustom = apiVersion.includes('.') && !apiVersion.includes('.k8s.io/');
  return isCustom && ref.resource.hasStatus === true && status === undefined && waitedMs < FIRST_WORD;
}

/** How long a watch may lag before an object that is not seen counts as deleted. */
const LAG = 5_000;

function vanished({ ref }: Target, waitedMs: number): Verdict {
  if (waitedMs < LAG) return waiting('written');
  const title = `${ref.resource.kind}/${ref.name}`;
  return waiting(
    'gone',
    fatal(
      `gone/${title}`,
      'OBJECT_DELETED',
      `${title} was deleted while it was waited for.`,
      'See who else changes this namespace: another pipeline, a GitOps controller, a person.',
    ),
  );
}

function groupedKindOf({ apiVersion, kind }: KubeObject): string {
  return `${apiVersion.includes('/') ? apiVersion.replace(/\/.*$/, '') : ''}/${kind}`;
}
