import { DeliveryError } from '../errors/delivery-error.ts';
import { explained, type KubeClient } from './client/kube-client.ts';
import { PODS, type Resource } from './client/resource.ts';
import type { KubeObject, Pod } from './objects.ts';

/** A workload of a namespace. */
export interface WorkloadRef {
  readonly namespace: string;
  readonly resource: Resource;
  readonly name: string;
}

/** What a workload runs in one of its containers. */
export interface DeployedContainer {
  readonly name: string;
  /** As the workload names it. */
  readonly image: string;
  /** Digests of what its pods run; none where the image is named by its digest. */
  readonly runningDigests: readonly string[];
}

const WORKLOADS: readonly Resource[] = [
  { apiVersion: 'apps/v1', kind: 'Deployment', plural: 'deployments', namespaced: true },
  { apiVersion: 'apps/v1', kind: 'StatefulSet', plural: 'statefulsets', namespaced: true },
  { apiVersion: 'apps/v1', kind: 'DaemonSet', plural: 'daemonsets', namespaced: true },
];

/**
 * Reads `digits`, which is a Deployment, or `statefulset/digits`.
 *
 * @throws DeliveryError `WORKLOAD_INVALID`
 */
export function parseWorkload(text: string): Pick<WorkloadRef, 'resource' | 'name'> {
  const [, kind = 'deployment', name = ''] = /^(?:([a-z]+)\/)?([a-z0-9](?:[a-z0-9.-]*[a-z0-9])?)$/i.exec(text) ?? [];
  const word = kind.toLowerCase();
  const resource = WORKLOADS.find(({ kind: known, plural }) => word === known.toLowerCase() || word === plural);
  if (resource !== undefined && name !== '') return { resource, name };
  throw new DeliveryError('WORKLOAD_INVALID', {
    message: `"${text}" names no workload.`,
    remedy: 'Write the name of a Deployment, or deployment/NAME, statefulset/NAME or daemonset/NAME.',
  });
}

/**
 * What a workload runs. Needs the verb get on the workload, and list on pods where it does not name its images by digest.
 *
 * @returns undefined where there is no such workload yet
 * @throws DeliveryError `CLUSTER_UNAUTHORIZED`, `CLUSTER_FORBIDDEN`, `CLUSTER_REFUSED`, and those of an unreachable cluster
 */
export async function deployedContainers(
  client: KubeClient,
  ref: WorkloadRef,
  signal: AbortSignal,
): Promise<readonly DeployedContainer[] | undefined> {
  try {
    const workload = await client.get(ref, signal);
    if (workload === undefined) return undefined;
    const { selector, containers } = partsOf(workload);
    const pinned = containers.every(({ image }) => image.includes('@'));
    const pods = pinned ? [] : await podsOf(client, ref.namespace, selector, signal);
    return containers.map(({ name, image }) => ({ name, image, runningDigests: digestsOf(pods, name) }));
  } catch (error) {
    throw explained(error, 'read');
  }
}

interface WorkloadSpec {
  readonly selector?: { readonly matchLabels?: Readonly<Record<string, string>> };
  readonly template?: { readonly spec?: { readonly containers?: readonly { name: string; image: string }[] } };
}

function partsOf(workload: KubeObject) {
  const { selector, template } = (workload.spec ?? {}) as WorkloadSpec;
  return { selector: selector?.matchLabels ?? {}, containers: template?.spec?.containers ?? [] };
}

async function podsOf(
  client: KubeClient,
  namespace: string,
  labels: Readonly<Record<string, string>>,
  signal: AbortSignal,
): Promise<readonly Pod[]> {
  const labelSelector = Object.entries(labels)
    .map(([name, value]) => `${name}=${value}`)
    .join(',');
  // Nothing selected would mean everything.
  if (labelSelector === '') return [];
  const { items } = await client.list(PODS, namespace, { labelSelector }, signal);
  return (items as readonly Pod[]).filter(isAlive);
}

/** Whether a pod runs or will; those that are on their way out, or were evicted, say nothing about what is deployed. */
function isAlive({ metadata, status }: Pod): boolean {
  return metadata.deletionTimestamp === undefined && status?.phase !== 'Failed' && status?.phase !== 'Succeeded';
}

/** Nodes write `docker-pullable://registry/repository@sha256:…`, or the same without the scheme. */
function digestsOf(pods: readonly Pod[], container: string): readonly string[] {
  const ids = pods.flatMap(({ status }) => status?.containerStatuses ?? []).filter(({ name }) => name === container);
  return [...new Set(ids.flatMap(({ imageID }) => /@(sha256:[0-9a-f]{64})$/.exec(imageID)?.[1] ?? []))];
}
