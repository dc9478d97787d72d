import type { Slots } from './slots.ts';

/** Large enough that requests cost nothing beside it, small enough that many fit into memory at once. */
export const PIECE = 8 * 1024 * 1024;

/** Reads exactly these bytes of something. */
export type ReadRange = (offset: number, length: number, signal: AbortSignal) => Promise<Buffer>;

/**
 * Reads something in pieces, several at once, and gives them out in their order. Each piece holds a slot from its
 * request until the next is asked for, so `slots` bounds the memory of all readers that share it; as a reader takes slots
 * in the order of its pieces, the one that is waited for always has its slot and readers cannot block each other.
 */
export async function* readAhead(
  readRange: ReadRange,
  { offset, size }: { readonly offset: number; readonly size: number },
  slots: Slots,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stop = new AbortController();
  const inner = AbortSignal.any([signal, stop.signal]);
  const pieces: Promise<Buffer>[] = [];
  let taken = 0;
  let released = 0;
  const request = async (): Promise<void> => {
    for (let at = offset; at < size && !inner.aborted; at += PIECE) {
      await slots.acquire();
      taken += 1;
      const piece = readRange(at, Math.min(PIECE, size - at), inner);
      // Its failure is met when its turn comes; until then it is nobody's unhandled one.
      piece.catch(() => undefined);
      arrived(piece);
    }
  };
  let wake = (): void => undefined;
  const arrived = (piece: Promise<Buffer>): void => {
    pieces.push(piece);
    wake();
  };
  const requesting = request();
  try {
    for (let count = Math.ceil((size - offset) / PIECE), index = 0; index < count; index++) {
      if (pieces.length === 0) await new Promise<void>((resolve) => (wake = resolve));
      const bytes = await pieces.shift();
      if (bytes !== undefined) yield bytes;
      slots.release();
      released += 1;
    }
  } finally {
    stop.abort();
    void requesting.then(() => {
      for (; released < taken; released++) slots.release();
    });
  }
}
