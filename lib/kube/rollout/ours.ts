import { FIELD_MANAGER } from '../client/kube-client.ts';
import type { KubeObject } from '../objects.ts';

/** Whether this task manages anything in an object: else somebody else made it under the same name. */
export function isOurs({ metadata }: KubeObject): boolean {
  const managers = (metadata.managedFields ?? []) as readonly { readonly manager?: string }[];
  return managers.some(({ manager }) => manager === FIELD_MANAGER);
}
