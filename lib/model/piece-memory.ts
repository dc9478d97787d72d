import { Slots } from './slots.ts';

/** Large enough that requests cost nothing beside it, small enough that many fit into memory at once. */
export const PIECE = 8 * 1024 * 1024;

/** What pieces are read into, and with it how many are under way at once. */
export interface PieceMemory {
  /** Waits for {@link PIECE} bytes of memory. Every `acquire` that returns must be followed by one `release`. */
  acquire(): Promise<Buffer>;
  /** Gives memory back that nothing reads or writes any more; any part of it stands for the whole. */
  release(memory: Buffer): void;
}

/**
 * A fixed number of buffers that are used again and again: fresh ones for each piece would lie about until the garbage
 * collector came for them, at the peak 70 MB of them.
 */
export class ReusedMemory implements PieceMemory {
  readonly #slots: Slots;
  readonly #free: Buffer[] = [];

  constructor(pieces: number) {
    this.#slots = new Slots(pieces);
  }

  async acquire(): Promise<Buffer> {
    await this.#slots.acquire();
    return this.#free.pop() ?? Buffer.allocUnsafeSlow(PIECE);
  }

  release(memory: Buffer): void {
    this.#free.push(Buffer.from(memory.buffer));
    this.#slots.release();
  }
}

/** Fresh buffers, so many at once: for readers who keep a piece after they have asked for the next. */
export class FreshMemory implements PieceMemory {
  readonly #slots: Slots;

  constructor(pieces: number) {
    this.#slots = new Slots(pieces);
  }

  async acquire(): Promise<Buffer> {
    await this.#slots.acquire();
    return Buffer.allocUnsafeSlow(PIECE);
  }

  release(): void {
    this.#slots.release();
  }
}
