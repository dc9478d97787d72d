import { isDeepStrictEqual } from 'node:util';
import { ApiError } from '../client/api-error.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { ObjectRef } from '../client/resource.ts';
import type { KubeObject } from '../objects.ts';
import { untilGone } from './until-gone.ts';

/** What goes with more than itself when it is deleted: data, everything inside, all objects of a kind. */
const IRREPLACEABLE = ['Namespace', 'PersistentVolume', 'PersistentVolumeClaim', 'CustomResourceDefinition'];

/** Whether an object may be deleted and made anew where Kubernetes does not let it be changed. A Pod has no other way. */
export function mayRecreate(kind: string, recreate: boolean): boolean {
  return kind === 'Pod' || (recreate && !IRREPLACEABLE.includes(kind));
}

/**
 * Whether a Pod would run something else. Its image may be changed where it is, but then it stays ready while its container is
 * exchanged, and nobody could tell when, or whether, the new one serves.
 */
export function isAnotherPod(before: KubeObject, preview: KubeObject): boolean {
  return before.kind === 'Pod' && !isDeepStrictEqual(before.spec, preview.spec);
}

/** How API servers say of the kinds they know that a field cannot be changed. */
const IMMUTABLE =
  /is immutable|updates to .* are forbidden|may not (change|update) fields other|may not change once set|may not be changed in an update|cannot change roleRef/;

/** The field that cannot be changed in an object that is there, if that is why the server refused. */
export function immutableFieldOf(error: unknown): string | undefined {
  if (!(error instanceof ApiError)) return undefined;
  const cause = error.reply.details?.causes?.find(({ message = '' }) => IMMUTABLE.test(message));
  if (cause !== undefined) return cause.field ?? 'a field';
  return IMMUTABLE.test(error.reply.message ?? '') ? 'a field' : undefined;
}

/** Deletes an object and waits until it is gone. */
export async function removeAndWait(
  client: KubeClient,
  ref: ObjectRef,
  live: KubeObject,
  signal: AbortSignal,
): Promise<void> {
  await client.remove(ref, live.metadata.uid, signal);
  await untilGone(client, ref, live, signal);
}
