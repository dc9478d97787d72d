import { FIELD_MANAGER } from '../client/kube-client.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { ObjectRef } from '../client/resource.ts';
import { untilReached } from '../client/until-reached.ts';
import type { KubeObject } from '../objects.ts';

/** Which fields of an object somebody manages, as the server keeps it. */
export interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

/**
 * Changes one field of `spec`, and leaves it to whoever manages it. A write makes this task the owner of what it changes,
 * and takes it from the owner before; left so, the next apply would conflict with this task itself. A write that changes
 * nothing but managedFields is taken as it stands.
 *
 * @param live the object as it is
 * @param field the field of `spec` that is changed, or holds what is changed
 * @param path what is replaced, as a JSON pointer
 */
export async function replaceKeepingOwners(
  client: KubeClient,
  { ref, live }: { readonly ref: ObjectRef; readonly live: KubeObject },
  { field, path, value }: { readonly field: string; readonly path: string; readonly value: unknown },
  signal: AbortSignal,
): Promise<KubeObject> {
  const changed = await client.patchJson(ref, [{ op: 'replace', path, value }], signal);
  const managers = (live.metadata.managedFields ?? []) as readonly ManagedFields[];
  // A run that was killed in between may have left an entry of its own.
  const owners = managers.filter((entry) => !isOfChange(entry, field));
  if (owners.length === 0) return changed;
  const giveBack = [{ op: 'replace', path: '/metadata/managedFields', value: owners }];
  // Who the owners were is known here only: another attempt would find the change made already.
  return untilReached(() => client.patchJson(ref, giveBack, signal), signal);
}

/** Whether an entry was made by a write of this task that changed this field and nothing else. */
export function isOfChange({ manager, operation, fieldsV1 = {} }: ManagedFields, field: string): boolean {
  if (manager !== FIELD_MANAGER || operation !== 'Update') return false;
  const spec = fieldsV1['f:spec'] as object | undefined;
  return Object.keys(fieldsV1).join() === 'f:spec' && Object.keys(spec ?? {}).join() === `f:${field}`;
}
