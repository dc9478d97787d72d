import { createHash } from 'node:crypto';
import { LayerDigest } from '../packing/layer-digest.ts';
import { planLayers } from '../packing/layer-plan.ts';
import type { PackedLayer } from './manifest.ts';
import { type DigestedFile, inPathOrder, modelDigest } from './model-digest.ts';
import { type PieceMemory, slicesOf } from './piece-memory.ts';
import { readPieces, type SourceFile } from './source-files.ts';

/** The folder of an image for which layers are computed; images that put the model elsewhere compute their own. */
export const PACKED_FOLDER = '/model';

/** What one reading of all files tells. */
export interface Content {
  /** See {@link modelDigest}. */
  readonly digest: string;
  /** In byte order of their paths. */
  readonly files: readonly DigestedFile[];
  readonly layers: readonly PackedLayer[];
}

/**
 * Reads every file once, in the order in which layers hold them, and hands its pieces on while all digests are made.
 *
 * @param take gets each file with its pieces, reads them all, and gives the memory of each back; `digest` is the SHA-256 of
 *   the pieces that it has so far
 * @param memory what pieces are read into
 * @throws DeliveryError `SOURCE_CHANGED`, `SOURCE_UNREADABLE`, `PATH_UNSAFE`, and what `take` throws
 */
export async function readContent(
  files: readonly SourceFile[],
  take: (file: SourceFile, pieces: AsyncIterable<Buffer>, digest: () => Buffer) => Promise<void>,
  memory: PieceMemory,
  signal: AbortSignal,
): Promise<Content> {
  const digested: DigestedFile[] = [];
  const layers: PackedLayer[] = [];
  for (const layer of planLayers(files, PACKED_FOLDER)) {
    const layerDigest = new LayerDigest(layer);
    for (const file of layer.files) {
      const hash = createHash('sha256');
      await take(file, hashed(readPieces(file, memory, signal), [hash, layerDigest]), () => hash.copy().digest());
      digested.push({ path: file.path, size: file.size, sha256: hash.digest('hex') });
    }
    layers.push(layerDigest.finish());
  }
  return { digest: modelDigest(digested), files: inPathOrder(digested), layers };
}

async function* hashed(
  pieces: AsyncIterable<Buffer>,
  digests: readonly { update(bytes: Uint8Array): unknown }[],
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    for (const slice of slicesOf(piece)) for (const digest of digests) digest.update(slice);
    yield piece;
  }
}
