import { setTimeout as sleep } from 'node:timers/promises';
import type { KubeClient } from '../client/kube-client.ts';
import type { ObjectRef } from '../client/resource.ts';
import type { KubeObject } from '../objects.ts';

const LOOK_EVERY = 200;

/** Waits until an object that is being deleted is gone, whether or not another has come under its name. */
export async function untilGone(
  client: KubeClient,
  ref: ObjectRef,
  { metadata: { uid } }: KubeObject,
  signal: AbortSignal,
): Promise<void> {
  for (;;) {
    const live = await client.get(ref, signal);
    if (live === undefined || live.metadata.uid !== uid) return;
    await sleep(LOOK_EVERY, undefined, { signal });
  }
}

/** Waits until an object is gone, if it is being deleted. */
export async function untilGoneIfDeleted(client: KubeClient, ref: ObjectRef, signal: AbortSignal): Promise<void> {
  const live = await client.get(ref, signal);
  if (live?.metadata.deletionTimestamp !== undefined) await untilGone(client, ref, live, signal);
}
