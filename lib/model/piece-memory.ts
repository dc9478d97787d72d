import { Slots } from './slots.ts';

/** Large enough that requests cost nothing beside it, small enough that many fit into memory at once. */
export const PIECE = 8 * 1024 * 1024;
/** Files up to this size, in bytes, take so little memory that many more of them may be under way. */
export const SMALL = 256 * 1024;
/** Small ones at once: 8 MiB of memory, and enough requests to hide the distance to a store. */
export const SMALL_AT_ONCE = 32;

/**
 * What fits into the cache next to a processor, so that whoever looks at bytes twice, to hash and then to write them, finds
 * them there. Larger writes besides have Linux look for memory in large blocks, which a virtual machine often has to ask its
 * host for: 1 GiB written 8 MiB at a time took up to 2.7 s in place of 0.2 s.
 */
const SLICE = 64 * 1024;

/** A piece in parts that stay in the processor's cache while something is done with each. */
export function* slicesOf(piece: Buffer): Generator<Buffer> {
  for (let start = 0; start < piece.length; start += SLICE) yield piece.subarray(start, start + SLICE);
}

/** What pieces are read into, and with it how many are under way at once. */
export interface PieceMemory {
  /** Waits for so many bytes of memory, at most {@link PIECE}. Every `acquire` that returns must be followed by one `release`. */
  acquire(bytes: number): Promise<Buffer>;
  /** Gives memory back that nothing reads or writes any more; any part of it stands for the whole. */
  release(memory: Buffer): void;
}

/**
 * A fixed number of buffers that are used again and again: fresh ones for each piece would lie about until the garbage
 * collector came for them, at the peak 70 MB of them. Small pieces have buffers of their own.
 */
export class ReusedMemory implements PieceMemory {
  readonly #large: Buffers;
  readonly #small = new Buffers(SMALL_AT_ONCE, SMALL);

  constructor(pieces: number) {
    this.#large = new Buffers(pieces, PIECE);
  }

  async acquire(bytes: number): Promise<Buffer> {
    const memory = await (bytes <= SMALL ? this.#small : this.#large).acquire();
    return memory.subarray(0, bytes);
  }

  release({ buffer }: Buffer): void {
    (buffer.byteLength === SMALL ? this.#small : this.#large).release(Buffer.from(buffer));
  }
}

/** Buffers of one size. */
class Buffers {
  readonly #slots: Slots;
  readonly #size: number;
  readonly #free: Buffer[] = [];

  constructor(count: number, size: number) {
    this.#slots = new Slots(count);
    this.#size = size;
  }

  async acquire(): Promise<Buffer> {
    await this.#slots.acquire();
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(this.#size);
  }

  release(buffer: Buffer): void {
    this.#free.push(buffer);
    this.#slots.release();
  }
}

/** Fresh buffers, so many at once: for readers who keep a piece after they have asked for the next. */
export class FreshMemory implements PieceMemory {
  readonly #slots: Slots;

  constructor(pieces: number) {
    this.#slots = new Slots(pieces);
  }

  async acquire(bytes: number): Promise<Buffer> {
    await this.#slots.acquire();
    return Buffer.allocUnsafeSlow(bytes);
  }

  release(): void {
    this.#slots.release();
  }
}
