import type { KubeClient } from '../client/kube-client.ts';
import type { ObjectRef } from '../client/resource.ts';
import { isUnlisted } from '../manifests/order.ts';
import { untilGoneIfDeleted } from './until-gone.ts';

/** How long an operator may take to clear up, in milliseconds. */
const CLEARING = 30_000;

/**
 * Waits, but not for long, until custom resources that were removed are gone: the finalizers in them are taken away by an
 * operator, which may be what is removed next.
 */
export async function untilCleared(
  client: KubeClient,
  removed: readonly ObjectRef[],
  signal: AbortSignal,
): Promise<void> {
  const custom = removed.filter(({ resource }) => isUnlisted(resource.kind));
  if (custom.length === 0 || signal.aborted) return;
  const limit = AbortSignal.any([signal, AbortSignal.timeout(CLEARING)]);
  // One that does not go, or cannot be looked at, must not keep the rest from going.
  await Promise.allSettled(custom.map((ref) => untilGoneIfDeleted(client, ref, limit)));
}
