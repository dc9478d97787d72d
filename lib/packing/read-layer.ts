import { DeliveryError } from '../errors/delivery-error.ts';
import type { FileEntry } from './entry.ts';
import { type Layer, sizeOf } from './layer.ts';

/** A file that can be read from any of its bytes on: on a disk, or in a store under the ETag of its listing. */
export interface LayerFile {
  /** Relative, with `/` between its parts. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** The content from `offset` on. */
  open(offset: number, signal: AbortSignal): Promise<AsyncIterable<Uint8Array>>;
  /**
   * The same in memory that is used again: what it gives is good only until the next is asked for. Left out: there is no
   * such way.
   *
   * @param check whether to look if the content is what it should be, for readers who have no other way to tell
   */
  readonly openBriefly?: (offset: number, check: boolean, signal: AbortSignal) => AsyncIterable<Uint8Array>;
}

/** How to read the files of a layer. */
export interface ReadOptions {
  /** What is given need be good only until the next is asked for. */
  readonly brief: boolean;
  /** Files need not be checked: the digest of the layer is known and will be. */
  readonly known: boolean;
}

const LASTING: ReadOptions = { brief: false, known: false };

/**
 * Streams a layer, from any of its bytes on, so that an interrupted upload goes on where it stopped. Holds no more
 * than the chunks that the files' own streams hold.
 *
 * @throws DeliveryError `FILE_CHANGED` where a file gives more or fewer bytes than it was listed with
 */
export async function* readLayer(
  layer: Layer<LayerFile>,
  offset: number,
  signal: AbortSignal,
  options = LASTING,
): AsyncGenerator<Uint8Array> {
  let start = 0;
  for (const segment of layer.segments) {
    const size = sizeOf(segment);
    const skip = Math.max(0, offset - start);
    start += size;
    if (skip >= size) continue;
    if (segment.type === 'bytes') yield segment.bytes.subarray(skip);
    else yield* readContent(segment.entry, skip, options, signal);
  }
}

async function* readContent(
  { file, size }: FileEntry<LayerFile>,
  offset: number,
  { brief, known }: ReadOptions,
  signal: AbortSignal,
): AsyncGenerator<Uint8Array> {
  const briefly = brief ? file.openBriefly?.(offset, !known, signal) : undefined;
  const stream: AsyncIterable<Uint8Array> = briefly ?? (await file.open(offset, signal));
  let position = offset;
  for await (const chunk of stream) {
    signal.throwIfAborted();
    position += chunk.length;
    if (position > size) throw changed(file, 'more');
    yield chunk;
  }
  if (position < size) throw changed(file, `only ${position}`);
}

function changed({ path, size }: LayerFile, gave: string): DeliveryError {
  return new DeliveryError('FILE_CHANGED', {
    message: `The file ${path} was listed with ${size} bytes but gave ${gave}.`,
    remedy: 'Run again once nothing writes to it any more.',
  });
}
