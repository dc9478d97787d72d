import { groupOf } from '../client/resource.ts';
import type { KubeObject } from '../objects.ts';

/** Whether `definition` is the CustomResourceDefinition of the kind of an object. */
export function defines(definition: KubeObject, { apiVersion, kind }: KubeObject): boolean {
  if (definition.kind !== 'CustomResourceDefinition') return false;
  const { group, names } = (definition.spec ?? {}) as {
    readonly group?: string;
    readonly names?: { readonly kind?: string };
  };
  return group === groupOf(apiVersion) && names?.kind === kind;
}
