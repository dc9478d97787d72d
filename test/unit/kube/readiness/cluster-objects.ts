import type { ContainerState, KubeEvent, KubeObject, Pod } from '../../../../lib/kube/objects.ts';
import type { Surroundings, Target } from '../../../../lib/kube/readiness/verdict.ts';

/** What is said of a container in a test; the rest is as in a fresh, unready one. */
export interface ContainerParts {
  readonly state?: ContainerState;
  readonly lastState?: ContainerState;
  readonly restartCount?: number;
  readonly ready?: boolean;
  readonly imageID?: string;
}

export function deployment(parts: {
  readonly generation?: number;
  readonly spec?: object;
  readonly status?: object;
}): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: {
      name: 'web',
      namespace: 'shop',
      uid: 'd',
      generation: parts.generation ?? 2,
      annotations: { 'deployment.kubernetes.io/revision': '2' },
    },
    spec: { replicas: 2, template: templateOf('2'), ...parts.spec },
    status: { observedGeneration: 2, ...parts.status },
  };
}

/** A Deployment of two replicas that is all done. */
export const DONE = { replicas: 2, updatedReplicas: 2, availableReplicas: 2, readyReplicas: 2 };

/** The ReplicaSet of one version of a Deployment; {@link deployment} is at version 2. */
export function replicaSet(
  uid: string,
  version: string,
  { conditions = [], revision = version }: { readonly conditions?: readonly object[]; readonly revision?: string } = {},
): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `web-${version}`,
      uid,
      ownerReferences: [{ uid: 'd', kind: 'Deployment', name: 'web' }],
      annotations: { 'deployment.kubernetes.io/revision': revision },
    },
    spec: { template: templateOf(version, { 'pod-template-hash': uid }) },
    status: { conditions },
  };
}

/** The pod template of a version of the app. */
function templateOf(version: string, labels: Readonly<Record<string, string>> = {}): object {
  return {
    metadata: { labels: { app: 'web', ...labels } },
    spec: { containers: [{ name: 'app', image: `shop.io/app:${version}` }] },
  };
}

/** A pod of the owner, with one container in the given state. */
export function pod(owner: string, container: ContainerParts = {}, labels: Readonly<Record<string, string>> = {}): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: {
      name: 'web-1',
      namespace: 'shop',
      uid: 'p',
      labels,
      ownerReferences: [{ uid: owner, kind: 'ReplicaSet', name: 'web-2' }],
    },
    spec: { containers: [{ name: 'app', image: 'shop.io/app:2' }] },
    status: {
      phase: 'Pending',
      containerStatuses: [
        { name: 'app', ready: false, restartCount: 0, image: 'shop.io/app:2', imageID: '', ...container },
      ],
    },
  };
}

export function event(reason: string, message: string, uid = 'p'): KubeEvent {
  const metadata = { name: `${uid}.${reason}`, namespace: 'shop' };
  return { apiVersion: 'v1', kind: 'Event', metadata, involvedObject: { uid }, reason, message, type: 'Warning' };
}

export function around(parts: Partial<Surroundings> = {}): Surroundings {
  return { pods: [], replicaSets: [], events: [], ...parts };
}

export function targetOf(written: KubeObject, wantsNone = false): Target {
  const { apiVersion, kind, metadata } = written;
  const resource = { apiVersion, kind, plural: `${kind.toLowerCase()}s`, namespaced: true };
  return { ref: { resource, namespace: metadata.namespace, name: metadata.name }, written, wantsNone };
}
