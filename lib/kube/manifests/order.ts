import { DeliveryError } from '../../errors/delivery-error.ts';
import type { ManifestObject } from './manifest-object.ts';

/**
 * What must be there before what, by kind. Kinds of one line do not need each other and go together; kinds that are
 * not listed (custom resources above all) come after all that could define or serve them, webhooks and API services
 * last, because from then on they have a say in every write.
 */
const LEVELS: readonly (readonly string[])[] = [
  ['Namespace', 'CustomResourceDefinition'],
  ['PriorityClass', 'StorageClass', 'IngressClass', 'RuntimeClass', 'PersistentVolume', 'ClusterRole', 'Role'],
  ['ServiceAccount', 'ResourceQuota', 'LimitRange', 'NetworkPolicy', 'PodDisruptionBudget', 'PodSecurityPolicy'],
  ['Secret', 'ConfigMap', 'PersistentVolumeClaim', 'ClusterRoleBinding', 'RoleBinding'],
  ['Service', 'Endpoints', 'EndpointSlice'],
  ['Pod', 'ReplicationController', 'ReplicaSet', 'Deployment', 'StatefulSet', 'DaemonSet', 'Job', 'CronJob'],
  ['HorizontalPodAutoscaler', 'Ingress'],
];
const LAST = ['APIService', 'MutatingWebhookConfiguration', 'ValidatingWebhookConfiguration'];

/**
 * How early a kind is applied; the lower, the earlier. Kinds of the same level may be applied at once.
 */
export function levelOf(kind: string): number {
  const level = LEVELS.findIndex((kinds) => kinds.includes(kind));
  if (level >= 0) return level;
  return LAST.includes(kind) ? LEVELS.length + 1 : LEVELS.length;
}

/** Whether a kind is none that Kubernetes itself has and this list knows: most of all a custom resource. */
export function isUnlisted(kind: string): boolean {
  return levelOf(kind) === LEVELS.length;
}

/** Groups items by level, earliest first, keeping the order they came in within a level. */
export function inLevels<Item>(items: readonly Item[], kindOf: (item: Item) => string): readonly (readonly Item[])[] {
  const levels = new Map<number, Item[]>();
  for (const item of items) {
    const level = levelOf(kindOf(item));
    levels.set(level, [...(levels.get(level) ?? []), item]);
  }
  return [...levels].sort(([one], [other]) => one - other).map(([, group]) => group);
}

/** Throws `MANIFEST_INVALID` if two manifests define the same object: the order of files would decide which wins. */
export function refuseRepeats(objects: readonly ManifestObject[], namespaceOf: (one: ManifestObject) => string): void {
  const seen = new Map<string, ManifestObject>();
  for (const one of objects) {
    const { apiVersion, kind, metadata } = one.object;
    const group = apiVersion.includes('/') ? apiVersion.replace(/\/.*$/, '') : '';
    const key = [group, kind, namespaceOf(one), metadata.name].join('/');
    const first = seen.get(key);
    if (first !== undefined) {
      throw new DeliveryError('MANIFEST_INVALID', {
        message: `${kind}/${metadata.name} is defined twice: ${first.source} and ${one.source}.`,
        remedy: 'Keep one of the two.',
      });
    }
    seen.set(key, one);
  }
}
