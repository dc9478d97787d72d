import { asError } from '../errors/delivery-error.ts';

/**
 * Does a piece of work for each item, a few at a time, and gives the results in the items' order. After the first failure nothing new begins,
 * what runs is told to stop and is waited for, and that failure is thrown.
 */
export async function inParallel<Item, Result>(
  items: readonly Item[],
  { limit, signal }: { readonly limit: number; readonly signal: AbortSignal },
  work: (item: Item, signal: AbortSignal) => Promise<Result>,
): Promise<readonly Result[]> {
  const stop = new AbortController();
  const forward = (): void => stop.abort(signal.reason);
  signal.addEventListener('abort', forward, { once: true });
  if (signal.aborted) forward();
  const results = new Array<Result>(items.length);
  const queue = items.entries();
  let failure: Error | undefined;

  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (stop.signal.aborted) return;
      try {
        results[index] = await work(item, stop.signal);
      } catch (error) {
        failure ??= asError(error);
        stop.abort(error);
      }
    }
  };
  try {
    await Promise.all(Array.from({ length: Math.min(limit, items.length) }, worker));
  } finally {
    signal.removeEventListener('abort', forward);
  }
  signal.throwIfAborted();
  if (failure !== undefined) throw failure;
  return results;
}
