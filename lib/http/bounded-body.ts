import { setImmediate as nextTurn } from 'node:timers/promises';
import { DeliveryError } from '../errors/delivery-error.ts';

/**
 * Reads a body whole, but never more than `limit` bytes of it.
 *
 * Returns a turn of the event loop later, when undici has its connection free for the next request: a chain of requests
 * would else open a new one for each, which takes two more round trips.
 *
 * @throws DeliveryError `ANSWER_TOO_LARGE`
 */
export async function readBounded(body: AsyncIterable<Uint8Array>, limit: number, what: string): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body) {
    size += chunk.length;
    if (size > limit) {
      throw new DeliveryError('ANSWER_TOO_LARGE', {
        message: `${what} is larger than the ${limit} bytes that it may have.`,
        remedy: 'Check that the address is the one you mean.',
      });
    }
    chunks.push(chunk);
  }
  await nextTurn();
  return Buffer.concat(chunks);
}

/** Reads as much of a body as fits and forgets the rest: for texts that explain an error. */
export async function readStart(body: AsyncIterable<Uint8Array>, limit: number): Promise<Buffer> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    for await (const chunk of body) {
      chunks.push(chunk.subarray(0, limit - size));
      size += chunk.length;
      if (size >= limit) break;
    }
  } catch {
    // An explanation that breaks off still explains what it can.
  }
  await nextTurn();
  return Buffer.concat(chunks);
}

/**
 * Reads what a host answered. Of a refusal the start will do, and one that breaks off still explains something; an answer that breaks
 * off is an error, so that it can be asked for again.
 *
 * @param limits in bytes, for a 200 and for everything else
 * @throws DeliveryError `ANSWER_TOO_LARGE`
 */
export function readAnswer(
  { status, body }: { readonly status: number; readonly body: AsyncIterable<Uint8Array> },
  limits: { readonly answer: number; readonly refusal: number },
  host: string,
): Promise<Buffer> {
  return status === 200 ? readBounded(body, limits.answer, `What ${host} answered`) : readStart(body, limits.refusal);
}
