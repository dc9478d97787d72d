import { isDeepStrictEqual } from 'node:util';
import type { KubeObject } from '../objects.ts';

/** Bookkeeping of controllers that changes although nobody changed the object. */
export const COUNTERS = ['deployment.kubernetes.io/revision', 'deprecated.daemonset.template.generation'];

const AROUND = ['apiVersion', 'metadata', 'status'];

/**
 * What an object says, without what the server and the controllers keep about it: two objects of the same content do
 * the same. Status, versions, generations and the times in managed fields are left out; owners of fields are not
 * part of the content either.
 */
export function contentOf(object: KubeObject): object {
  const { metadata } = object;
  const { name, namespace, labels, annotations, finalizers, ownerReferences } = metadata as KubeObject['metadata'] & {
    readonly finalizers?: readonly string[];
  };
  const rest = Object.fromEntries(Object.entries(object).filter(([field]) => !AROUND.includes(field)));
  const kept = Object.entries(annotations ?? {}).filter(([key]) => !COUNTERS.includes(key));
  return {
    ...rest,
    metadata: { name, namespace, labels, annotations: Object.fromEntries(kept), finalizers, ownerReferences },
  };
}

/** Whether two objects have the same content. */
export function isSameContent(one: KubeObject, other: KubeObject): boolean {
  return isDeepStrictEqual(contentOf(one), contentOf(other));
}
