import { createHash } from 'node:crypto';
import { asError } from '../errors/delivery-error.ts';
import { IDLE_LIMIT } from '../http/dispatcher.ts';
import { readAhead } from './read-ahead.ts';

/** Bytes of known length that can be read from any of them on, as often as an upload needs. */
export interface BlobSource {
  /** What it is, for people. */
  readonly name: string;
  /** In bytes. */
  readonly size: number;
  open(offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** How far a source is read ahead of the registry, in bytes; a few sources are read at once. */
const READ_AHEAD = 8 * 1024 * 1024;

/**
 * Reads a source piece by piece, from wherever the registry wants to go on, and hashes each byte exactly once,
 * however often it is sent.
 */
export class SourceReader {
  readonly #source: BlobSource;
  readonly #signal: AbortSignal;
  readonly #hash = createHash('sha256');
  #hashed = 0;
  #digest: string | undefined;
  #position = 0;
  #stream: AsyncIterator<Uint8Array> | undefined;
  /** What is left of a chunk that reached beyond its piece. */
  #rest: Uint8Array = new Uint8Array();
  #failure: Error | undefined;

  constructor(source: BlobSource, signal: AbortSignal) {
    this.#source = source;
    this.#signal = signal;
  }

  /** Why the source could not be read, if that is what ended a piece. */
  get failure(): Error | undefined {
    return this.#failure;
  }

  /** The digest of the whole source, once all of it has been read. */
  digest(): string {
    if (this.#digest !== undefined) return this.#digest;
    if (this.#hashed !== this.#source.size)
      throw new RangeError(`${this.#hashed} of ${this.#source.size} bytes were read`);
    this.#digest = `sha256:${this.#hash.digest('hex')}`;
    return this.#digest;
  }

  /** The bytes from `start` up to, not including, `end`. After a piece that was not sent whole, {@link close} first. */
  piece(start: number, end: number): AsyncIterable<Uint8Array> {
    if (start !== this.#position || this.#stream === undefined) this.#restart(start);
    return this.#take(this.#stream, end);
  }

  /** Lets go of the source; the next piece opens it anew. Pieces begun before give nothing any more. */
  close(): void {
    void this.#stream?.return?.().catch(() => undefined);
    this.#stream = undefined;
    this.#rest = new Uint8Array();
  }

  #restart(start: number): void {
    this.close();
    this.#position = start;
    const { name } = this.#source;
    const opened = this.#source.open(start, this.#signal);
    this.#stream = readAhead(opened, { capacity: READ_AHEAD, idleLimit: IDLE_LIMIT, name });
  }

  async *#take(stream: AsyncIterator<Uint8Array> | undefined, end: number): AsyncGenerator<Uint8Array> {
    while (stream !== undefined && this.#position < end) {
      const chunk = this.#rest.length > 0 ? this.#rest : await this.#next(stream);
      // A request that was given up may still pull from its piece while the next one is already on its way.
      if (this.#stream !== stream) return;
      const part = chunk.subarray(0, end - this.#position);
      this.#rest = chunk.subarray(part.length);
      const unhashed = part.subarray(Math.min(part.length, this.#hashed - this.#position));
      if (unhashed.length > 0) this.#hash.update(unhashed);
      this.#position += part.length;
      this.#hashed = Math.max(this.#hashed, this.#position);
      yield part;
    }
  }

  async #next(stream: AsyncIterator<Uint8Array>): Promise<Uint8Array> {
    try {
      const next = await stream.next();
      if (next.done !== true) return next.value;
      throw new Error(`${this.#source.name} ended before its ${this.#source.size} bytes`);
    } catch (error) {
      if (this.#stream === stream) this.#failure = asError(error);
      throw error;
    }
  }
}
