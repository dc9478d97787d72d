import { createHash } from 'node:crypto';
import { DeliveryError } from '../errors/delivery-error.ts';
import { PIECE, type PieceMemory, ReusedMemory, SMALL, SMALL_AT_ONCE } from './piece-memory.ts';
import { Slots } from './slots.ts';
import type { ObjectStore, PartUpload, StoredObject } from './stores/object-store.ts';

/** Pieces on their way to the store at once: 64 MiB of memory. */
const IN_FLIGHT = 8;
/** Longest that the store may take to drop what was sent in part, in milliseconds: the agent does not wait for long. */
const ABANDON_LIMIT = 3_000;

/** Whom an upload tells how it gets on. */
export interface UploadObserver {
  /** So many more bytes are in the store. */
  arrived(bytes: number): void;
  /** So many of them were there before and were not sent. */
  reused(bytes: number): void;
}

/** A name under which another content is in the store already. Nothing is ever written over it. */
export class NameTaken extends Error {
  override readonly name = 'NameTaken';
}

/**
 * Sends files to a store while one reader reads them in turn: the reader goes on to the next piece, and the next file,
 * while up to eight pieces and 32 small files are under way, so many small files move as fast as one large one. What is in the store
 * already, under the same name and with the same content, is not sent.
 *
 * Throws {@link NameTaken} and what the store throws.
 */
export class Uploader {
  /** What to read into; each piece is given back when it has arrived. One more than are under way is being read. */
  readonly memory: PieceMemory = new ReusedMemory(IN_FLIGHT + 1);
  readonly #store: ObjectStore;
  readonly #slots = new Slots(IN_FLIGHT);
  readonly #small = new Slots(SMALL_AT_ONCE);
  readonly #held: ReadonlyMap<string, StoredObject>;
  readonly #observer: UploadObserver;
  readonly #stop = new AbortController();
  readonly #signal: AbortSignal;
  readonly #pending = new Set<Promise<void>>();
  readonly #names: string[] = [];
  readonly #uploads = new Set<PartUpload>();

  /** @param held what an earlier attempt has left, by name */
  constructor(
    store: ObjectStore,
    held: ReadonlyMap<string, StoredObject>,
    observer: UploadObserver,
    signal: AbortSignal,
  ) {
    this.#store = store;
    this.#held = held;
    this.#observer = observer;
    this.#signal = AbortSignal.any([signal, this.#stop.signal]);
  }

  /** Names of all objects that may have been written so far. */
  get names(): readonly string[] {
    return this.#names;
  }

  /**
   * Takes a file piece by piece; returns once it is read, which is before it has arrived.
   *
   * @param digest SHA-256 of all pieces so far
   */
  async send(name: string, size: number, pieces: AsyncIterable<Buffer>, digest: () => Buffer): Promise<void> {
    this.#names.push(name);
    if (size <= PIECE) {
      const slots = size <= SMALL ? this.#small : this.#slots;
      for await (const part of parted(pieces, PIECE, this.memory)) {
        await this.#place({ slots, count: 1 });
        void this.#start(part, { slots, count: 1 }, () => this.#whole(name, part.bytes));
      }
      return;
    }
    const upload = this.#store.startUpload(name);
    this.#uploads.add(upload);
    const parts: Promise<void>[] = [];
    const length = partSize(size, this.#store.mostParts);
    const places = { slots: this.#slots, count: Math.min(length / PIECE, IN_FLIGHT) };
    for await (const part of parted(pieces, length, this.memory)) {
      await this.#place(places);
      const index = parts.length;
      const sent = { bytes: part.bytes, digest: digest() };
      parts.push(this.#start(part, places, () => upload.send(index, sent, this.#signal)));
    }
    this.#track(
      Promise.all(parts).then(async () => {
        if (!(await upload.complete(parts.length, this.#signal))) throw new NameTaken(name);
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

  /** Writes a file in one request. False: it is there already. */
  async #whole(name: string, bytes: Uint8Array): Promise<boolean> {
    const held = this.#held.get(name);
    if (held === undefined && (await this.#store.write(name, bytes, 'absent', this.#signal))) return true;
    if (held?.md5 === undefined ? await this.#holds(name, bytes) : held.md5 === md5(bytes)) return false;
    throw new NameTaken(name);
  }

  /** Whether the store has just these bytes. They were written meanwhile: by another attempt, or by this one, whose answer was lost. */
  async #holds(name: string, bytes: Uint8Array): Promise<boolean> {
    const range = { name, offset: 0, length: bytes.length, size: bytes.length, etag: undefined };
    const there = Buffer.alloc(bytes.length);
    try {
      await this.#store.readRange(range, there, this.#signal);
    } catch (error) {
      // It has another size.
      if (error instanceof DeliveryError && error.code === 'BLOB_CHANGED') return false;
      throw error;
    }
    return there.equals(bytes);
  }

  /**
   * Waits for the places of one more part: as many as it has pieces, so that large parts take no more memory than small ones. There
   * is one reader, so nobody waits for what another waiting one holds. The first failure of any part ends the reading here.
   */
  async #place({ slots, count }: Places): Promise<void> {
    for (let taken = 0; taken < count; taken++) await slots.acquire();
    this.#signal.throwIfAborted();
  }

  /** Starts to send a part that has its places. */
  #start({ bytes, release }: Part, { slots, count }: Places, work: () => Promise<boolean>): Promise<void> {
    const running = work()
      .then((sent) => {
        this.#observer.arrived(bytes.length);
        if (!sent) this.#observer.reused(bytes.length);
      })
      .finally(() => {
        release();
        for (let given = 0; given < count; given++) slots.release();
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

/** What stores know their objects by; here it finds again what was ours, and proves nothing against malice. */
function md5(bytes: Uint8Array): string {
  return createHash('md5').update(bytes).digest('hex');
}

/** Parts are as small as the number that an object may have allows. */
function partSize(size: number, mostParts: number): number {
  return PIECE * Math.ceil(size / (PIECE * mostParts));
}

/** What a part holds while it is under way. */
interface Places {
  readonly slots: Slots;
  readonly count: number;
}

/** Bytes to send in one request. */
interface Part {
  readonly bytes: Uint8Array;
  /** To be called once, when they are not needed any more. */
  readonly release: () => void;
}

/**
 * Makes parts of one size of pieces, the last one shorter; an empty file is one empty part. A part as large as a piece is
 * that piece; larger ones, which only the largest files have, get memory of their own.
 */
async function* parted(pieces: AsyncIterable<Buffer>, size: number, memory: PieceMemory): AsyncGenerator<Part> {
  let part = Buffer.alloc(0);
  let length = 0;
  let none = true;
  for await (const piece of pieces) {
    none = false;
    if (size === PIECE) {
      yield { bytes: piece, release: () => memory.release(piece) };
      continue;
    }
    if (length === 0) part = Buffer.allocUnsafeSlow(size);
    length += piece.copy(part, length);
    memory.release(piece);
    if (length < size) continue;
    yield { bytes: part, release: () => undefined };
    length = 0;
  }
  if (length > 0 || none) yield { bytes: part.subarray(0, length), release: () => undefined };
}
