import { FIELD_MANAGER } from '../client/kube-client.ts';
import type { KubeObject } from '../objects.ts';

/** An entry of `metadata.managedFields`: who has written which fields, and how. */
interface Manager {
  readonly manager?: string;
  readonly operation?: string;
  readonly fieldsV1?: { readonly 'f:spec'?: object };
}

/** Whether this task manages anything in an object: else somebody else made it under the same name. */
export function isOurs(object: KubeObject): boolean {
  return entriesOf(object).length > 0;
}

/** Whether this task's manifests have said how many replicas a workload has, and nobody has taken that over. */
export function ownsReplicas(object: KubeObject): boolean {
  return entriesOf(object).some(
    ({ operation, fieldsV1 }) => operation === 'Apply' && 'f:replicas' in (fieldsV1?.['f:spec'] ?? {}),
  );
}

/** The entries of this task. */
function entriesOf({ metadata }: KubeObject): readonly Manager[] {
  const managers = (metadata.managedFields ?? []) as readonly Manager[];
  return managers.filter(({ manager }) => manager === FIELD_MANAGER);
}
