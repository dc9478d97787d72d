import { brief } from '../client/api-error.ts';
import { conditionOf } from '../objects.ts';
import type { ContainerStatus, KubeEvent, Pod } from '../objects.ts';
import { fatal } from './verdict.ts';
import type { Symptom } from './verdict.ts';

/** Registries answer these for good; anything else (a network hiccup) deserves the kubelet's next tries. */
const PULL_HOPELESS =
  /not found|manifest unknown|name unknown|unauthorized|denied|forbidden|no basic auth|authentication required|invalid reference|x509|HTTP response to HTTPS client|no match(ing manifest)? for platform|no matching manifest/i;
const PULL_REASONS = ['ErrImagePull', 'ImagePullBackOff', 'InvalidImageName', 'ErrImageNeverPull', 'ImageInspectError'];
const PULL_GRACE = 30_000;
/** A controller may be just about to create the Secret or ConfigMap. */
const CONFIG_GRACE = 8_000;
/**
 * A cluster autoscaler that can help says so within this time, and then it is waited for. That it cannot (`NotTriggerScaleUp`)
 * is no last word: it says so too of a pod that fits as soon as an old one ends.
 */
const SCHEDULING_GRACE = 60_000;
/** How the cluster autoscaler, and Karpenter (node auto-provisioning of AKS), say of a pod that a node comes for it. */
const NODE_COMES = ['TriggeredScaleUp', 'Nominated'];
/** From so many restarts on, a container is not just waiting for another part of the application. */
const RESTARTS_TOO_MANY = 3;

/**
 * What keeps a pod from becoming ready, worst first.
 *
 * @param crashesCount false for pods of Jobs, whose retries are the Job's own affair
 */
export function symptomsOfPod(pod: Pod, events: readonly KubeEvent[], crashesCount = true): readonly Symptom[] {
  const own = events.filter((event) => event.involvedObject.uid === pod.metadata.uid);
  const containers = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  return [
    ...containers.flatMap((container) => [
      ...pullSymptoms(pod, container, own),
      ...configSymptoms(pod, container),
      ...(crashesCount ? crashSymptoms(pod, container, own) : []),
    ]),
    ...schedulingSymptoms(pod, own),
    ...volumeSymptoms(pod, own),
  ];
}

function pullSymptoms(pod: Pod, container: ContainerStatus, events: readonly KubeEvent[]): readonly Symptom[] {
  const waiting = container.state?.waiting;
  if (!PULL_REASONS.includes(waiting?.reason ?? '')) return [];
  // "Back-off pulling image" says nothing of the cause, nor does the event "Error: ImagePullBackOff"; that of the failed pull does.
  const told = events
    .filter(({ reason }) => reason === 'Failed')
    .findLast(({ message = '' }) => /pull/i.test(message) && !/^Error: \w+$/.test(message))?.message;
  const why = waiting?.reason === 'ImagePullBackOff' ? (told ?? '') : (waiting?.message ?? '');
  const hopeless = PULL_HOPELESS.test(why) || /InvalidImageName|ErrImageNeverPull/.test(waiting?.reason ?? '');
  return [
    {
      key: `pull/${pod.metadata.name}/${container.name}`,
      graceMs: hopeless ? 0 : PULL_GRACE,
      code: 'IMAGE_PULL_FAILED',
      message: `The image ${container.image} of container ${container.name} in pod ${pod.metadata.name} cannot be pulled${quoted(why)}.`,
      remedy: pullRemedy(why),
    },
  ];
}

function pullRemedy(why: string): string {
  if (/unauthorized|denied|no basic auth|authentication required|forbidden/i.test(why)) {
    return 'Check that the image exists and that the cluster may pull it: attach the registry to the cluster (az aks update --attach-acr) or name an imagePullSecret.';
  }
  if (/not found|unknown/i.test(why)) return 'Push the image first, or correct its name, tag or digest.';
  if (/platform|manifest for/i.test(why)) return 'Build the image for the platform of the nodes.';
  return 'Check the name of the registry and that the nodes can reach it.';
}

function configSymptoms(pod: Pod, container: ContainerStatus): readonly Symptom[] {
  const { reason = '', message = '' } = container.state?.waiting ?? {};
  if (reason !== 'CreateContainerConfigError' && reason !== 'CreateContainerError') return [];
  return [
    {
      key: `config/${pod.metadata.name}/${container.name}`,
      graceMs: CONFIG_GRACE,
      code: 'CONTAINER_CONFIG_INVALID',
      message: `Container ${container.name} of pod ${pod.metadata.name} cannot be created${quoted(message)}.`,
      remedy: 'Create the Secret, ConfigMap or key that it names, or correct the reference in the manifest.',
    },
  ];
}

function crashSymptoms(pod: Pod, container: ContainerStatus, events: readonly KubeEvent[]): readonly Symptom[] {
  const { reason = '', message = '' } = container.state?.waiting ?? {};
  const end = container.state?.terminated ?? container.lastState?.terminated;
  const where = `Container ${container.name} of pod ${pod.metadata.name}`;
  const key = `crash/${pod.metadata.name}/${container.name}`;
  const cannotStart =
    reason === 'RunContainerError' || end?.reason === 'ContainerCannotRun' || end?.reason === 'StartError';
  if (cannotStart) {
    const why = message === '' ? (end?.message ?? '') : message;
    const remedy = 'Correct command and args in the manifest, or build the image for the platform of the nodes.';
    return [fatal(key, 'CONTAINER_CRASHED', `${where} cannot be started${quoted(why)}.`, remedy)];
  }
  if (reason !== 'CrashLoopBackOff' || end === undefined) return [];
  const times = container.restartCount + 1;
  return [
    {
      key,
      graceMs: 0,
      patient: container.restartCount < RESTARTS_TOO_MANY,
      code: 'CONTAINER_CRASHED',
      message: `${where} ended with ${endOf(end)}, ${times} times so far.`,
      remedy: crashRemedy(end, events),
    },
  ];
}

/** `exit code 137 (OOMKilled)`. */
export function endOf(end: { readonly exitCode: number; readonly reason?: string }): string {
  const reason = end.reason === undefined || end.reason === 'Error' ? '' : ` (${end.reason})`;
  return `exit code ${end.exitCode}${reason}`;
}

function crashRemedy(
  end: { readonly exitCode: number; readonly reason?: string },
  events: readonly KubeEvent[],
): string {
  if (end.reason === 'OOMKilled') return 'It needs more memory than resources.limits.memory allows: raise the limit.';
  const probe = events.findLast((event) => event.reason === 'Unhealthy' && /liveness/i.test(event.message ?? ''));
  if (probe !== undefined) {
    return 'Its liveness probe fails: correct path and port of the probe, or give the app more time (a startupProbe).';
  }
  switch (end.exitCode) {
    case 0:
      return 'A container of a workload that keeps running must not end: check its command.';
    case 126:
    case 127:
      return 'Its command was not found or cannot be run: check command, args and entry point of the image.';
    case 139:
      return 'It crashed in native code: check that image and libraries are built for the platform of the nodes.';
    default:
      return 'Read its last lines in the log above; `docker run` of the same image should show the same.';
  }
}

function schedulingSymptoms(pod: Pod, events: readonly KubeEvent[]): readonly Symptom[] {
  const scheduled = conditionOf(pod, 'PodScheduled');
  if (scheduled?.status !== 'False' || scheduled.reason !== 'Unschedulable') return [];
  if (events.some(({ reason }) => NODE_COMES.includes(reason ?? ''))) return [];
  const missing = /persistentvolumeclaim "[^"]*" not found/.exec(scheduled.message ?? '')?.[0];
  if (missing !== undefined) {
    return [
      {
        key: `volume/${pod.metadata.name}`,
        graceMs: CONFIG_GRACE,
        code: 'VOLUME_MOUNT_FAILED',
        message: `A volume of pod ${pod.metadata.name} cannot be mounted: ${missing}.`,
        remedy: 'Create the PersistentVolumeClaim that the volume names, or correct its name in the manifest.',
      },
    ];
  }
  return [
    {
      key: `schedule/${pod.metadata.name}`,
      graceMs: SCHEDULING_GRACE,
      code: 'POD_UNSCHEDULABLE',
      message: `No node takes pod ${pod.metadata.name}${quoted(scheduled.message ?? '')}.`,
      remedy: 'Add nodes, lower the requests of the pod, or correct its nodeSelector, affinity and tolerations.',
    },
  ];
}

function volumeSymptoms(pod: Pod, events: readonly KubeEvent[]): readonly Symptom[] {
  const started = pod.status?.containerStatuses?.some((container) => container.state?.waiting === undefined) ?? false;
  const failed = events.findLast((event) => /^Failed(Mount|AttachVolume)$/.test(event.reason ?? ''));
  if (started || failed === undefined) return [];
  const missing = /(secret|configmap)s? .*not found/i.test(failed.message ?? '');
  return [
    {
      key: `volume/${pod.metadata.name}`,
      graceMs: missing ? CONFIG_GRACE : SCHEDULING_GRACE,
      code: 'VOLUME_MOUNT_FAILED',
      message: `A volume of pod ${pod.metadata.name} cannot be mounted${quoted(failed.message ?? '')}.`,
      remedy: missing
        ? 'Create the Secret or ConfigMap that the volume names, or correct its name in the manifest.'
        : 'Check the volume, its storage class and that its disk is not attached to another node.',
    },
  ];
}

function quoted(message: string): string {
  const text = brief(message).replace(/\.$/, '');
  return text === '' ? '' : `: ${text}`;
}
