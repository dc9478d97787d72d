import type { Readable } from 'node:stream';
import { DeliveryError } from '../../errors/delivery-error.ts';

/** Documents of this project are smaller; what is larger is something else. */
const LARGEST_DOCUMENT = 32 * 1024 * 1024;

/** The beginning of an answer, with the rest still to come. */
export interface ObjectAnswer {
  readonly body: Readable;
  /** Bytes of this answer. */
  readonly length: number;
  /** Bytes of the whole object; NaN where the whole was asked for. */
  readonly total: number;
  readonly etag: string;
}

/**
 * Reads the whole of a small text object.
 *
 * @throws DeliveryError `MANIFEST_INVALID` where it is not small
 */
export async function readDocument({ body, length }: ObjectAnswer, uri: string): Promise<string> {
  if (length > LARGEST_DOCUMENT) {
    body.destroy();
    throw new DeliveryError('MANIFEST_INVALID', {
      message: `${uri} has ${length} bytes and cannot be a document of a model store.`,
      remedy: 'Check prefix and container.',
    });
  }
  const bytes = Buffer.allocUnsafe(length);
  await fill(bytes, 0, body, () => undefined);
  return bytes.toString('utf8');
}

/** Reads a body into a buffer from a position on; a body that ends early is a broken connection, whatever it says. */
export async function fill(
  bytes: Buffer,
  from: number,
  body: Readable,
  reached: (position: number) => void,
): Promise<void> {
  let position = from;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    position += chunk.copy(bytes, position);
    reached(position);
  }
  if (position < bytes.length) throw Object.assign(new Error('the body ended early'), { code: 'ECONNRESET' });
}
