import type { KubeObject } from '../objects.ts';
import type { Surroundings } from '../readiness/verdict.ts';
import type { Labels } from './deployment.ts';
import type { Service } from './service.ts';
import { nameBeside, TEMPORARY, TRACK } from './track.ts';
import type { Track } from './track.ts';
import { isOwned, isServing } from './version-pods.ts';

/** The label by which the Deployment controller tells the pods of each ReplicaSet apart. */
export const HASH = 'pod-template-hash';

/**
 * A selector that reaches only the pods of one ReplicaSet: those that serve now. Pods of a new version that carry the
 * same labels stay without requests until the Service is switched.
 */
export function pinnedTo(hash: string, { spec }: Service): Labels {
  return { ...spec.selector, [HASH]: hash };
}

/** A selector that reaches only the pods of the new version. */
export function switchedTo(track: Track, { spec }: Service): Labels {
  return { ...spec.selector, [TRACK]: track };
}

/**
 * The hash of the pods that serve for a Deployment: of the ReplicaSet with the most ready ones, because a rollout before
 * may have got stuck between two. Undefined where the Deployment has no ReplicaSet yet.
 */
export function servingHashOf(stable: KubeObject, { pods, replicaSets }: Surroundings): string | undefined {
  const ready = (set: KubeObject): number => pods.filter((pod) => isOwned(pod, set) && isServing(pod)).length;
  const born = ({ metadata }: KubeObject): string => metadata.creationTimestamp ?? '';
  const [best] = replicaSets
    .filter((set) => isOwned(set, stable))
    .toSorted((one, other) => ready(other) - ready(one) || born(other).localeCompare(born(one)));
  return best?.metadata.labels?.[HASH];
}

/** A Service of its own for the new version, so that people can look at it before it serves everybody. */
export function previewOf(service: Service, track: Track, application: string): KubeObject {
  const { name, namespace, labels } = service.metadata;
  return {
    apiVersion: service.apiVersion,
    kind: service.kind,
    metadata: {
      name: nameBeside(name, 'preview', 'Service'),
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, [TEMPORARY]: application },
    },
    spec: {
      type: 'ClusterIP',
      selector: switchedTo(track, service),
      ports: (service.spec.ports ?? []).map(({ name: called, port, targetPort, protocol, appProtocol }) => ({
        ...(called === undefined ? {} : { name: called }),
        port,
        ...(targetPort === undefined ? {} : { targetPort }),
        ...(appProtocol === undefined ? {} : { appProtocol }),
        protocol: protocol ?? 'TCP',
      })),
    },
  };
}
