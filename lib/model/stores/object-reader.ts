import type { Readable } from 'node:stream';
import { DeliveryError } from '../../errors/delivery-error.ts';
import type { ObjectRange, ObjectStore, StoredDocument } from './object-store.ts';
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

/** Some bytes of an object, and which state of it; undefined: whatever it is now. */
export interface ObjectPlace {
  readonly offset: number;
  readonly length: number;
  readonly etag: string | undefined;
}

/** What reading takes of one kind of store. */
export interface ReadingStore {
  readonly uriOf: (name: string) => string;
  /** Asks for an object, or some of its bytes. Whoever gets their body reads it to the end or destroys it. */
  readonly begin: (name: string, place: Partial<ObjectPlace>, abortSignal: AbortSignal) => Promise<ObjectAnswer>;
  /** Runs attempts until one succeeds; `progress` tells whether one got further than those before. */
  readonly retried: <T>(
    name: string,
    signal: AbortSignal,
    attempt: (abortSignal: AbortSignal) => Promise<T>,
    progress?: () => number,
  ) => Promise<T>;
  /** The error of an object that is another than it was. */
  readonly changed: (name: string) => DeliveryError;
}

/** Reads objects in the same way, whatever kind of store has them; see {@link ObjectStore}. */
export class ObjectReader implements Pick<ObjectStore, 'read' | 'readRange'> {
  readonly #store: ReadingStore;
  readonly #receivers: Pick<Receivers, 'expect'>;

  /** @param receivers whom the store's requests may tell of the bytes, in place of giving a body */
  constructor(store: ReadingStore, receivers: Pick<Receivers, 'expect'>) {
    this.#store = store;
    this.#receivers = receivers;
  }

  async read(name: string, signal: AbortSignal): Promise<StoredDocument | undefined> {
    const { begin, retried, uriOf } = this.#store;
    try {
      return await retried(name, signal, async (abortSignal) => {
        const answer = await begin(name, {}, abortSignal);
        return { text: await readDocument(answer, uriOf(name)), etag: answer.etag };
      });
    } catch (error) {
      if (error instanceof DeliveryError && error.code === 'BLOB_NOT_FOUND') return undefined;
      throw error;
    }
  }

  /** A request that breaks is followed by one for the rest, of the same state of the object. */
  async readRange({ name, offset, size, etag }: ObjectRange, into: Buffer, signal: AbortSignal): Promise<void> {
    if (into.length === 0) return;
    const { begin, retried, changed } = this.#store;
    let filled = 0;
    let state = etag;
    const check = (total: number, found: string): void => {
      // A cache or gateway on the way may have dropped the condition.
      const isOther = state !== undefined && bare(found) !== bare(state);
      if (total !== size || isOther) throw changed(name);
      state = found;
    };
    const attempt = async (abortSignal: AbortSignal): Promise<void> => {
      const [begun, rest] = [filled, into.subarray(filled)];
      this.#receivers.expect(abortSignal, {
        into: rest,
        began: (headers) => check(totalOf(headers['content-range']), headers.etag ?? ''),
        reached: (position) => (filled = begun + position),
      });
      const place = { offset: offset + begun, length: rest.length, etag: state };
      const { body, total, etag: found } = await begin(name, place, abortSignal);
      try {
        check(total, found);
        if (filled < into.length) await fill(into, filled, body, (position) => (filled = position));
      } finally {
        body.destroy();
      }
    };
    await retried(name, signal, attempt, () => filled);
  }
}

/**
 * Reads the whole of a small text object.
 *
 * @throws DeliveryError `MANIFEST_INVALID` where it is not small
 */
async function readDocument({ body, length }: ObjectAnswer, uri: string): Promise<string> {
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

/** An ETag without what only some answers put around it: listings leave out the quotes, and proxies that compress call it weak. */
function bare(etag: string): string {
  return etag.replace(/^W\//, '').replaceAll('"', '');
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
