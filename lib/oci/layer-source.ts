import { createHash } from 'node:crypto';
import { DeliveryError } from '../errors/delivery-error.ts';
import { compress, type Compression } from '../packing/compression.ts';
import type { Layer } from '../packing/layer.ts';
import { type LayerFile, readLayer } from '../packing/read-layer.ts';
import type { BlobSource } from './blob-source.ts';
import { digestOf } from './digest.ts';

/** The bytes of a layer as a registry keeps them. */
export interface LayerSource extends BlobSource {
  /** Digest of the uncompressed layer; undefined before the layer was read, where nobody knew it. */
  diffId(): string | undefined;
}

/** A layer to be read from its files. */
export interface PackedLayer {
  /** What it is, for people. */
  readonly name: string;
  readonly layer: Layer<LayerFile>;
  readonly compression: Compression;
  /** Where it is known beforehand. */
  readonly diffId: string | undefined;
}

/** Reads a layer from its files, compressed on the way: no more of it is in memory than what is on its way. */
export function layerSource(packed: PackedLayer): LayerSource {
  if (packed.compression !== 'none') return new CompressedLayer(packed);
  const { name, layer, diffId } = packed;
  // Weights go from the store to the registry in the memory that they were read into. Copies, streams between, and a second
  // hash beside the layer's own took 3.8 s of processor time and 267 MB for 1 GiB.
  const options = { brief: layer.files.every((file) => file.openBriefly !== undefined), known: diffId !== undefined };
  return {
    name,
    size: layer.size,
    brief: options.brief,
    open: (offset, signal) => readLayer(layer, offset, signal, options),
    diffId: () => diffId,
  };
}

/** Compresses a layer in memory, to know its digest before the registry is asked for it. */
export async function compressedInMemory(
  packed: PackedLayer,
  signal: AbortSignal,
): Promise<LayerSource & { readonly size: number; readonly digest: string }> {
  const source = new CompressedLayer(packed);
  const chunks: Uint8Array[] = [];
  for await (const chunk of source.open(0, signal)) chunks.push(chunk);
  const bytes = Buffer.concat(chunks);
  return {
    name: packed.name,
    size: bytes.length,
    digest: digestOf(bytes),
    open: (offset) => oneChunk(bytes.subarray(offset)),
    diffId: () => source.diffId(),
  };
}

class CompressedLayer implements LayerSource {
  readonly name: string;
  readonly size = undefined;
  readonly #packed: PackedLayer;
  #diffId: string | undefined;

  constructor(packed: PackedLayer) {
    this.name = packed.name;
    this.#packed = packed;
    this.#diffId = packed.diffId;
  }

  diffId(): string | undefined {
    return this.#diffId;
  }

  /** What lies before `offset` is compressed once more and dropped: the bytes are the same each time. */
  async *open(offset: number, signal: AbortSignal, onRead?: (position: number) => void): AsyncGenerator<Uint8Array> {
    const { layer, compression } = this.#packed;
    let skip = offset;
    for await (const chunk of compress(this.#identified(readLayer(layer, 0, signal), onRead), compression)) {
      const rest = chunk.subarray(Math.min(skip, chunk.length));
      skip -= chunk.length - rest.length;
      if (rest.length > 0) yield rest;
    }
  }

  /** Hashes what passes; ends with an error where it is not what it should be, before its last bytes are out. */
  async *#identified(
    bytes: AsyncIterable<Uint8Array>,
    onRead: ((position: number) => void) | undefined,
  ): AsyncGenerator<Uint8Array> {
    const hash = createHash('sha256');
    let position = 0;
    for await (const chunk of bytes) {
      hash.update(chunk);
      yield chunk;
      position += chunk.length;
      onRead?.(position);
    }
    const found = `sha256:${hash.digest('hex')}`;
    if (this.#diffId !== undefined && this.#diffId !== found) throw mismatch(this.name, this.#diffId, found);
    this.#diffId = found;
  }
}

async function* oneChunk(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  yield await Promise.resolve(bytes);
}

/** The error where bytes are others than a digest said. */
export function mismatch(name: string, expected: string, found: string): DeliveryError {
  return new DeliveryError('LAYER_DIGEST_MISMATCH', {
    message: `The bytes of ${name} are not those of ${expected}: found ${found}.`,
    remedy: 'Publish the model again under a new version if it was changed in place, then run again.',
  });
}
