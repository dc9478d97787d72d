const MIB = 1024 * 1024;

/** The size of a piece that is all of a blob, however large. */
export const WHOLE = Infinity;

/**
 * How large the pieces of an upload may be to begin with. Fewer pieces mean fewer pauses between them, but services in a cloud
 * cap the body of a request: one that is too large is refused with 413, costs the part that was sent, and is tried smaller.
 * Some take no pieces at all, or cannot tell where one that broke goes on.
 */
const LARGEST: readonly (readonly [RegExp, number])[] = [
  [/\.azurecr\.(?:io|cn|us)$/, 16 * MIB],
  // Their `Range` stays at the end of the first piece.
  [/\.dkr[.-]ecr(?:-fips)?\.[\w-]+\.(?:amazonaws\.com(?:\.cn)?|on\.aws)$/, WHOLE],
  [/^public\.ecr\.aws$/, WHOLE],
  // "does not support Docker chunked uploads".
  [/(?:^|\.)gcr\.io$|\.pkg\.dev$/, WHOLE],
  // No piece may have more than 4 MiB.
  [/^ghcr\.io$|^containers\.[\w-]+\.ghe\.com$/, WHOLE],
  // Its status is one byte ahead.
  [/^quay\.io$/, WHOLE],
];
const USUAL = 256 * MIB;
const SMALLEST = 256 * 1024;

/** The size with which uploads to a registry begin, in bytes, or {@link WHOLE}. */
export function largestPiece(registry: string): number {
  return LARGEST.find(([host]) => host.test(registry))?.[1] ?? USUAL;
}

/** The size to try after one was too large, in bytes; 0 where none is left to try. */
export function smallerPiece(size: number, smallest: number): number {
  const least = Math.max(smallest, SMALLEST);
  return size === WHOLE || size <= least ? 0 : Math.max(least, Math.floor(size / 4));
}
