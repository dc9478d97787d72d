import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../errors/delivery-error.ts';

/** Failures that pass by themselves: of the way to the cluster, and to those who give tokens for it. */
const PASSING = ['CLUSTER_UNREACHABLE', 'AZURE_UNREACHABLE', 'AZURE_BUSY'];

/** Whether a request has not reached the cluster, and may do so later. */
export function isUnreached(error: unknown): boolean {
  return error instanceof DeliveryError && PASSING.includes(error.code);
}

/** Does something that must not fail only because the API server is just restarting; `signal` ends the attempts. */
export async function untilReached<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      if (!isUnreached(error) || signal.aborted) throw error;
      await sleep(1000, undefined, { signal });
    }
  }
}
