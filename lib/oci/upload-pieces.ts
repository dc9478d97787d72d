const MIB = 1024 * 1024;

/**
 * How large the pieces of an upload may be to begin with. Fewer pieces mean fewer pauses between them, but services in a cloud
 * cap the body of a request: one that is too large is refused with 413, costs the part that was sent, and is tried smaller.
 */
const LARGEST: readonly (readonly [RegExp, number])[] = [
  [/\.azurecr\.(?:io|cn|us)$/, 16 * MIB],
  [/\.amazonaws\.com(?:\.cn)?$/, 16 * MIB],
  [/^ghcr\.io$/, 64 * MIB],
];
const USUAL = 256 * MIB;
const SMALLEST = 256 * 1024;

/** The size with which uploads to a registry begin, in bytes. */
export function largestPiece(registry: string): number {
  return LARGEST.find(([host]) => host.test(registry))?.[1] ?? USUAL;
}

/** The size to try after one was too large, in bytes; 0 where none is left to try. */
export function smallerPiece(size: number, smallest: number): number {
  const least = Math.max(smallest, SMALLEST);
  return size <= least ? 0 : Math.max(least, Math.floor(size / 4));
}
