import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { asError, DeliveryError } from '../errors/delivery-error.ts';
import { readAhead } from './read-ahead.ts';

/** Bytes that can be read from any of them on, as often as an upload needs, and are the same each time. */
export interface BlobSource {
  /** What it is, for people. */
  readonly name: string;
  /** In bytes; undefined where only reading it to its end can tell, as for what is compressed on the way. */
  readonly size: number | undefined;
  /**
   * It reads ahead by itself, in memory that it uses again: what it gives is good only until the next is asked for, and
   * it sees to stalls itself. Left out: it does not.
   */
  readonly brief?: boolean;
  /**
   * @param onRead told, where it is compressed on the way, up to which position what it is made from has been read: all that
   *   tells how far it is
   */
  open(offset: number, signal: AbortSignal, onRead?: (position: number) => void): AsyncIterable<Uint8Array>;
}

/** A piece of a source: what one request carries. */
export interface Piece {
  /** Position after its last byte; Infinity where only reading it to its end can tell. */
  readonly end: number;
  readonly body: AsyncIterable<Uint8Array>;
}

/** Bytes at hand, and where in their source they begin and end. */
interface Held {
  readonly start: number;
  readonly end: number;
  readonly chunks: readonly Uint8Array[];
}

/** How far a source is read ahead of the registry, in bytes; a few sources are read at once. */
const READ_AHEAD = 8 * 1024 * 1024;
/** Less of what is held in pieces anyway. */
const READ_AHEAD_HELD = 1024 * 1024;
/**
 * How long a source may give nothing, in milliseconds. Those in stores and registries see to stalls themselves, by several
 * attempts and as many waits as a busy peer asks for, and what is compressed once more gives nothing up to where it goes on.
 * Only what hangs in spite of all that is for this limit.
 */
const SILENCE_LIMIT = 30 * 60_000;
/** A chunk below this may wait in its socket while the next is asked for; sockets take larger ones whole first. */
const QUEUED = 64 * 1024;
/**
 * A request must say its length first, so a piece of a source without one is gathered in memory, up to so many bytes, or more
 * where the registry takes no less.
 */
const LARGEST_HELD = 4 * 1024 * 1024;

/**
 * Reads a source piece by piece, from wherever the registry wants to go on, and hashes each byte exactly once,
 * however often it is sent.
 */
export class SourceReader {
  readonly #source: BlobSource;
  readonly #signal: AbortSignal;
  readonly #onRead: ((position: number) => void) | undefined;
  readonly #hash = createHash('sha256');
  #hashed = 0;
  #digest: string | undefined;
  #position = 0;
  #stream: AsyncIterator<Uint8Array> | undefined;
  /** Where the last piece of a source of known size ends; it was read whole if the position is there. */
  #pieceEnd = 0;
  /** What is left of a chunk that reached beyond its piece. */
  #rest: Uint8Array = new Uint8Array();
  #failure: Error | undefined;
  #size: number | undefined;
  /** The last piece of a source of unknown size, for when the registry wants some of it again. */
  #held: Held = { start: 0, end: 0, chunks: [] };

  /** @param onRead see {@link BlobSource.open} */
  constructor(source: BlobSource, signal: AbortSignal, onRead?: (position: number) => void) {
    this.#source = source;
    this.#signal = signal;
    this.#onRead = onRead;
    this.#size = source.size;
  }

  /** Size of the source in bytes, as soon as it is known. */
  get size(): number | undefined {
    return this.#size;
  }

  /** How many bytes have been read so far, those that were read again not counted. */
  get reached(): number {
    return this.#hashed;
  }

  /** Why the source could not be read, if that is what ended a piece. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The digest of the whole source, once all of it has been read. */
  digest(): string {
    if (this.#digest !== undefined) return this.#digest;
    if (this.#hashed !== this.#size) throw new RangeError(`${this.#hashed} of ${this.#size ?? 'all'} bytes were read`);
    this.#digest = `sha256:${this.#hash.digest('hex')}`;
    return this.#digest;
  }

  /**
   * The next piece from `start` on, of no more than `most` bytes; an empty one shows that the source ends there. Pieces
   * begun before give nothing any more.
   *
   * @param most Infinity: all the rest, which is not gathered in memory either where nobody knows its size
   * @param least no piece but the last is smaller
   */
  async piece(start: number, most: number, least = 1): Promise<Piece> {
    if (this.#source.size === undefined && most < Infinity) return this.#heldPiece(start, most, least);
    // Who broke off the last piece may still wait for a chunk, and would take the first of this one.
    if (this.#position !== this.#pieceEnd) this.close();
    this.#pieceEnd = Math.min(this.#source.size ?? Infinity, start + most);
    return { end: this.#pieceEnd, body: this.#read(start, this.#pieceEnd) };
  }

  async #heldPiece(start: number, most: number, least: number): Promise<Piece> {
    const isHeld = start >= this.#held.start && start < this.#held.end;
    const from = isHeld ? this.#held.end : start;
    if (from - start < least && !(isHeld && from === this.#size)) {
      const chunks = isHeld ? [...partOf(this.#held, start, from)] : [];
      // Let go of the last piece before the next one takes as much memory.
      this.#held = { start, end: from, chunks };
      const end = start + Math.min(most, Math.max(LARGEST_HELD, least));
      for await (const chunk of this.#read(from, end)) chunks.push(chunk);
      this.#held = { start, end: this.#position, chunks };
    }
    const end = Math.min(this.#held.end, start + most);
    return { end, body: Readable.from(partOf(this.#held, start, end)) };
  }

  #read(start: number, end: number): AsyncIterable<Uint8Array> {
    if (start !== this.#position || this.#stream === undefined) this.#restart(start);
    return this.#take(this.#stream, end);
  }

  /** Lets go of the source; the next piece opens it anew. */
  close(): void {
    void this.#stream?.return?.().catch(() => undefined);
    this.#stream = undefined;
    this.#rest = new Uint8Array();
  }

  #restart(start: number): void {
    this.close();
    this.#position = start;
    const { name, size, brief = false } = this.#source;
    const opened = this.#source.open(start, this.#signal, this.#onRead);
    if (brief) {
      this.#stream = opened[Symbol.asyncIterator]();
      return;
    }
    const capacity = size === undefined ? READ_AHEAD_HELD : READ_AHEAD;
    this.#stream = readAhead(opened, { capacity, idleLimit: SILENCE_LIMIT, name });
  }

  async *#take(stream: AsyncIterator<Uint8Array> | undefined, end: number): AsyncGenerator<Uint8Array> {
    while (stream !== undefined && this.#position < end) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#next(stream);
      if (chunk === undefined) return;
      // A request that was given up may still pull from its piece while the next one is already on its way.
      if (this.#stream !== stream) return;
      const part = chunk.subarray(0, end - this.#position);
      this.#rest = chunk.subarray(part.length);
      const unhashed = part.subarray(Math.min(part.length, this.#hashed - this.#position));
      if (unhashed.length > 0) this.#hash.update(unhashed);
      this.#position += part.length;
      this.#hashed = Math.max(this.#hashed, this.#position);
      yield this.#source.brief === true && part.length < QUEUED ? Buffer.from(part) : part;
    }
  }

  /** The next chunk; undefined where a source whose size nobody knew has ended. */
  async #next(stream: AsyncIterator<Uint8Array>): Promise<Uint8Array | undefined> {
    try {
      const next = await stream.next();
      if (next.done !== true) return next.value;
      if (this.#source.size === undefined) {
        this.#size = this.#position;
        return undefined;
      }
      throw ended(this.#source.name, this.#source.size);
    } catch (error) {
      if (this.#stream === stream) this.#failure = asError(error);
      throw error;
    }
  }
}

function ended(name: string, size: number): DeliveryError {
  return new DeliveryError('LAYER_DIGEST_MISMATCH', {
    message: `The bytes of ${name} ended before the ${size} that were announced.`,
    remedy: 'Push or publish again what it came from, then run again.',
  });
}

function* partOf({ start: first, chunks }: Held, start: number, end: number): Generator<Uint8Array> {
  let position = first;
  for (const chunk of chunks) {
    const part = chunk.subarray(Math.max(0, start - position), Math.max(0, end - position));
    position += chunk.length;
    if (part.length > 0) yield part;
  }
}
