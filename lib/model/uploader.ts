import { PIECE } from './piece-memory.ts';
import { Slots } from './slots.ts';
import type { ObjectStore, PartUpload } from './stores/object-store.ts';

/** Pieces on their way to the store at once: 96 MiB of memory. */
const IN_FLIGHT = 12;
/** Longest that the store may take to drop what was sent in part, in milliseconds: the agent does not wait for long. */
const ABANDON_LIMIT = 3_000;

/**
 * Sends files to a store while one reader reads them in turn: the reader goes on to the next piece, and the next file,
 * while up to twelve pieces are under way, so many small files move as fast as one large one.
 */
export class Uploader {
  readonly #store: ObjectStore;
  readonly #slots = new Slots(IN_FLIGHT);
  readonly #sent: (bytes: number) => void;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #pending = new Set<Promise<void>>();
  readonly #names: string[] = [];
  readonly #uploads = new Set<PartUpload>();

  /** @param sent told how many more bytes have arrived */
  constructor(store: ObjectStore, sent: (bytes: number) => void, signal: AbortSignal) {
    this.#store = store;
    this.#sent = sent;
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  /** Names of all objects that may have been written so far. */
  get names(): readonly string[] {
    return this.#names;
  }

  /** Takes a file piece by piece; returns once it is read, which is before it has arrived. */
  async send(name: string, size: number, pieces: AsyncIterable<Uint8Array>): Promise<void> {
    this.#names.push(name);
    if (size <= PIECE) {
      for await (const piece of joined(pieces, PIECE)) {
        await this.#place(1);
        void this.#start(piece.length, 1, () => this.#whole(name, piece));
      }
      return;
    }
    const upload = this.#store.startUpload(name);
    this.#uploads.add(upload);
    const parts: Promise<void>[] = [];
    const length = partSize(size, this.#store.mostParts);
    const places = Math.min(length / PIECE, IN_FLIGHT);
    for await (const part of joined(pieces, length)) {
      await this.#place(places);
      const index = parts.length;
      parts.push(this.#start(part.length, places, () => upload.send(index, part, this.#signal)));
    }
    this.#track(
      Promise.all(parts).then(async () => {
        await upload.complete(parts.length, this.#signal);
        this.#uploads.delete(upload);
      }),
    );
  }

  /** Waits until everything has arrived. */
  async finish(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    this.#signal.throwIfAborted();
  }

  /** Stops what is under way, waits until it has stopped, and has the store drop what was sent in part. */
  async stop(): Promise<void> {
    this.#stop.abort();
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
    const signal = AbortSignal.timeout(ABANDON_LIMIT);
    await Promise.allSettled([...this.#uploads].map((upload) => upload.abandon(signal)));
  }

  async #whole(name: string, bytes: Uint8Array): Promise<void> {
    // Each attempt to publish has a folder of its own, so what is there already can only be this same write, whose answer was lost.
    await this.#store.write(name, bytes, 'absent', this.#signal);
  }

  /**
   * Waits for the places of one more part: as many as it has pieces, so that large parts take no more memory than small ones. There
   * is one reader, so nobody waits for what another waiting one holds. The first failure of any part ends the reading here.
   */
  async #place(places: number): Promise<void> {
    for (let taken = 0; taken < places; taken++) await this.#slots.acquire();
    this.#signal.throwIfAborted();
  }

  /** Starts to send a part that has its places. */
  #start(bytes: number, places: number, work: () => Promise<void>): Promise<void> {
    const running = work()
      .then(() => this.#sent(bytes))
      .finally(() => {
        for (let given = 0; given < places; given++) this.#slots.release();
      });
    this.#track(running);
    return running;
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
    tracked.catch((error: unknown) => this.#stop.abort(error));
  }
}

/** Parts are as small as the number that an object may have allows. */
function partSize(size: number, mostParts: number): number {
  return PIECE * Math.ceil(size / (PIECE * mostParts));
}

/** Joins pieces to parts of one size, the last one shorter; an empty file is one empty part. */
async function* joined(pieces: AsyncIterable<Uint8Array>, size: number): AsyncGenerator<Uint8Array> {
  let held: Uint8Array[] = [];
  let length = 0;
  let none = true;
  for await (const piece of pieces) {
    held.push(piece);
    length += piece.length;
    if (length < size) continue;
    yield held.length === 1 ? piece : Buffer.concat(held);
    [held, length, none] = [[], 0, false];
  }
  if (length > 0 || none) yield Buffer.concat(held);
}
