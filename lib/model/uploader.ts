import { PIECE } from './piece-memory.ts';
import { Slots } from './slots.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** Pieces on their way to the store at once: 96 MiB of memory. */
const IN_FLIGHT = 12;
/** Azure joins at most 50,000 blocks to a blob. */
const MOST_PARTS = 50_000;

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
        await this.#place();
        void this.#start(piece.length, () => this.#whole(name, piece));
      }
      return;
    }
    const upload = this.#store.startUpload(name);
    const parts: Promise<void>[] = [];
    for await (const piece of joined(pieces, partSize(size))) {
      await this.#place();
      const index = parts.length;
      parts.push(this.#start(piece.length, () => upload.send(index, piece, this.#signal)));
    }
    this.#track(Promise.all(parts).then(() => upload.complete(parts.length, this.#signal)));
  }

  /** Waits until everything has arrived. */
  async finish(): Promise<void> {
    while (this.#pending.size > 0) await Promise.all(this.#pending);
    this.#signal.throwIfAborted();
  }

  /** Stops what is under way and waits until it has stopped. */
  async stop(): Promise<void> {
    this.#stop.abort();
    while (this.#pending.size > 0) await Promise.allSettled(this.#pending);
  }

  async #whole(name: string, bytes: Uint8Array): Promise<void> {
    // Each attempt to publish has a folder of its own, so what is there already can only be this same write, whose answer was lost.
    await this.#store.write(name, bytes, 'absent', this.#signal);
  }

  /** Waits for a place for one more piece. The first failure of any piece ends the reading here. */
  async #place(): Promise<void> {
    await this.#slots.acquire();
    this.#signal.throwIfAborted();
  }

  /** Starts to send a piece that has its place. */
  #start(bytes: number, work: () => Promise<void>): Promise<void> {
    const running = work()
      .then(() => this.#sent(bytes))
      .finally(() => this.#slots.release());
    this.#track(running);
    return running;
  }

  #track(work: Promise<void>): void {
    const tracked = work.finally(() => this.#pending.delete(tracked));
    this.#pending.add(tracked);
    tracked.catch((error: unknown) => this.#stop.abort(error));
  }
}

/** Parts are as small as the number that a blob may have allows. */
function partSize(size: number): number {
  return PIECE * Math.ceil(size / (PIECE * MOST_PARTS));
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
