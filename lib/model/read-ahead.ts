import { PIECE, type PieceMemory } from './piece-memory.ts';

/** Fills a buffer with the bytes of something from `offset` on. Once it has returned or thrown, it leaves the buffer alone. */
export type ReadRange = (offset: number, into: Buffer, signal: AbortSignal) => Promise<void>;

/** A piece on its way. */
interface Piece {
  readonly bytes: Buffer;
  readonly arrival: Promise<void>;
}

/**
 * Reads something in pieces, several at once, and gives them out in their order. Each piece holds its memory from its
 * request until the next is asked for, so `memory` bounds all readers that share it; as a reader takes memory in the
 * order of its pieces, the one that is waited for always has it and readers cannot block each other.
 */
export async function* readAhead(
  readRange: ReadRange,
  { offset, size }: { readonly offset: number; readonly size: number },
  memory: PieceMemory,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const stop = new AbortController();
  const inner = AbortSignal.any([signal, stop.signal]);
  const pieces: Piece[] = [];
  let wake = (): void => undefined;
  inner.addEventListener('abort', () => wake());
  const request = async (): Promise<void> => {
    for (let at = offset; at < size; at += PIECE) {
      const bytes = await memory.acquire(Math.min(PIECE, size - at));
      // The reader may have ended while this waited; the memory is for those who still read.
      if (inner.aborted) {
        memory.release(bytes);
        return;
      }
      const arrival = readRange(at, bytes, inner);
      // Its failure is met when its turn comes; until then it is nobody's unhandled one.
      arrival.catch(() => undefined);
      pieces.push({ bytes, arrival });
      wake();
    }
  };
  const requesting = request();
  requesting.catch(() => undefined);
  try {
    for (let left = Math.ceil((size - offset) / PIECE); left > 0;) {
      const [piece] = pieces;
      if (piece === undefined) {
        signal.throwIfAborted();
        // By a piece, by the abortion, or by a request that could not even be made.
        await Promise.race([requesting, new Promise<void>((resolve) => (wake = resolve))]);
        continue;
      }
      await piece.arrival;
      yield piece.bytes;
      pieces.shift();
      memory.release(piece.bytes);
      left -= 1;
    }
  } finally {
    stop.abort();
    // At once: what this reader still waits for may be the very memory that it holds.
    for (const piece of pieces) void releaseAfter(piece, memory);
  }
}

/** Memory is another piece's only when nothing writes to it any more. */
async function releaseAfter({ bytes, arrival }: Piece, memory: PieceMemory): Promise<void> {
  await arrival.catch(() => undefined);
  memory.release(bytes);
}
