import { asError, DeliveryError } from '../errors/delivery-error.ts';

/**
 * Reads a source ahead of whoever takes from it, up to `capacity` bytes, so that a slow moment on one side does not
 * stop the other. Memory stays at that capacity and one chunk.
 *
 * @param idleLimit how long the source may give nothing while somebody waits, in milliseconds
 * @throws DeliveryError `SOURCE_STALLED`
 */
export async function* readAhead(
  source: AsyncIterable<Uint8Array>,
  { capacity, idleLimit, name }: { readonly capacity: number; readonly idleLimit: number; readonly name: string },
): AsyncGenerator<Uint8Array> {
  const iterator = source[Symbol.asyncIterator]();
  const chunks: Uint8Array[] = [];
  const state = { buffered: 0, done: false, stopped: false, error: undefined as Error | undefined };
  let wakeReader = nothing;
  let wakeFiller = nothing;

  const fill = async (): Promise<void> => {
    try {
      while (!state.stopped) {
        const next = await iterator.next();
        if (next.done === true) break;
        chunks.push(next.value);
        state.buffered += next.value.length;
        wakeReader();
        if (state.buffered >= capacity) await new Promise<void>((resolve) => (wakeFiller = resolve));
      }
    } catch (error) {
      state.error = asError(error);
    }
    state.done = true;
    wakeReader();
  };
  const filling = fill();

  try {
    for (;;) {
      const chunk = chunks.shift();
      if (chunk !== undefined) {
        state.buffered -= chunk.length;
        if (state.buffered < capacity) wakeFiller();
        yield chunk;
      } else if (state.done) {
        await filling;
        if (state.error !== undefined) throw state.error;
        return;
      } else {
        await patiently((wake) => (wakeReader = wake), idleLimit, name);
      }
    }
  } finally {
    state.stopped = true;
    wakeFiller();
    // The source may be waiting for bytes that never come: told to stop, but not waited for.
    void iterator.return?.(undefined).catch(nothing);
  }
}

function patiently(setWake: (wake: () => void) => void, limit: number, name: string): Promise<void> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => {
      reject(
        new DeliveryError('SOURCE_STALLED', {
          message: `${name} gave no byte for ${limit / 1000} s while it was read.`,
          remedy: 'Run again; if it stays so, check the connection to where it is kept.',
        }),
      );
    }, limit);
    setWake(() => {
      clearTimeout(timer);
      resolve();
    });
  });
}

function nothing(): void {
  // What is woken before anybody waits.
}
