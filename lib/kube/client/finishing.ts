import { setTimeout as sleep } from 'node:timers/promises';

/**
 * Does something that is not cut off at once when a run is told to stop: of a write that is cut off nobody knows whether
 * it has arrived.
 *
 * @param signal tells to stop
 * @param graceMs how long it may go on then, in milliseconds
 * @param act is given the signal that ends it in the end
 */
export async function finishing<Result>(
  signal: AbortSignal,
  graceMs: number,
  act: (end: AbortSignal) => Promise<Result>,
): Promise<Result> {
  const end = new AbortController();
  const stop = (): void => void sleep(graceMs).then(() => end.abort(signal.reason));
  signal.addEventListener('abort', stop, { once: true });
  try {
    return await act(end.signal);
  } finally {
    signal.removeEventListener('abort', stop);
  }
}
