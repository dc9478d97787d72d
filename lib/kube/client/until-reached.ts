import { setTimeout as sleep } from 'node:timers/promises';
import { DeliveryError } from '../../errors/delivery-error.ts';

/** Does something that must not fail only because the API server is just restarting; `signal` ends the attempts. */
export async function untilReached<T>(act: () => Promise<T>, signal: AbortSignal): Promise<T> {
  for (;;) {
    try {
      return await act();
    } catch (error) {
      const unreachable = error instanceof DeliveryError && error.code === 'CLUSTER_UNREACHABLE';
      if (!unreachable || signal.aborted) throw error;
      await sleep(1000, undefined, { signal });
    }
  }
}
