import { DeliveryError } from '../errors/delivery-error.ts';
import type { ObjectStore } from './stores/object-store.ts';

/**
 * Aborts with `STORE_UNREACHABLE` where a store takes too long for the end of something, which does not wait for a cancellation.
 *
 * @param what is written, as a sentence goes on: `model.json of digits 1`
 * @param milliseconds longer than several silences of the store, so that it is asked again after one
 */
export function storeLimit(store: ObjectStore, what: string, milliseconds: number): AbortSignal {
  const limit = new AbortController();
  const timer = setTimeout(() => {
    limit.abort(
      new DeliveryError('STORE_UNREACHABLE', {
        message: `The store ${store.uriOf('')} had not taken ${what} after ${milliseconds / 1000} seconds.`,
        remedy: 'Run again; if it stays so, look at the store and at the connection to it.',
      }),
    );
  }, milliseconds);
  timer.unref();
  return limit.signal;
}
