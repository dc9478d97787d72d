import type { Readable } from 'node:stream';
import { DeliveryError } from '../../errors/delivery-error.ts';
import type { ObjectRange } from './object-store.ts';
import type { Receivers } from './receivers.ts';

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

/** How one kind of store reads a part of an object. */
export interface PartReading {
  /** Asks for some bytes of a state of the object. Whoever gets their body reads it to the end or destroys it. */
  readonly begin: (part: ObjectPlace, abortSignal: AbortSignal) => Promise<ObjectAnswer>;
  /** Whom `begin` may have told of the bytes, in place of giving a body. */
  readonly receivers: Receivers;
  /** Runs attempts until one succeeds; `progress` tells whether one got further than those before. */
  readonly retried: (attempt: (abortSignal: AbortSignal) => Promise<void>, progress: () => number) => Promise<void>;
  /** The error of an object that is another than it was. */
  readonly changed: () => DeliveryError;
}

/** Some bytes of an object, and which state of it; undefined: whatever it is now. */
export interface ObjectPlace {
  readonly offset: number;
  readonly length: number;
  readonly etag: string | undefined;
}

/**
 * Fills a buffer with the bytes of an object. A request that breaks is followed by one for the rest, of the same state of the
 * object.
 */
export async function fillFrom(
  { offset, size, etag }: Pick<ObjectRange, 'offset' | 'size' | 'etag'>,
  into: Buffer,
  { begin, receivers, retried, changed }: PartReading,
): Promise<void> {
  if (into.length === 0) return;
  let filled = 0;
  let state = etag;
  const check = (total: number, found: string): void => {
    if (total !== size) throw changed();
    state = found;
  };
  const attempt = async (abortSignal: AbortSignal): Promise<void> => {
    const [begun, rest] = [filled, into.subarray(filled)];
    receivers.expect(abortSignal, {
      into: rest,
      began: (headers) => check(totalOf(headers['content-range']), headers.etag ?? ''),
      reached: (position) => (filled = begun + position),
    });
    const part = { offset: offset + begun, length: rest.length, etag: state };
    const { body, total, etag: found } = await begin(part, abortSignal);
    try {
      check(total, found);
      if (filled < into.length) await fill(into, filled, body, (position) => (filled = position));
    } finally {
      body.destroy();
    }
  };
  await retried(attempt, () => filled);
}

/** The size of the whole, of which an answer is a part; NaN where it does not say. */
export function totalOf(contentRange: string | undefined): number {
  return Number(contentRange?.split('/')[1]);
}

/** Reads a body into a buffer from a position on; a body that ends early is a broken connection, whatever it says. */
async function fill(bytes: Buffer, from: number, body: Readable, reached: (position: number) => void): Promise<void> {
  let position = from;
  for await (const chunk of body as AsyncIterable<Buffer>) {
    position += chunk.copy(bytes, position);
    reached(position);
  }
  if (position < bytes.length) throw Object.assign(new Error('the body ended early'), { code: 'ECONNRESET' });
}
