import { createHash } from 'node:crypto';
import type { Layer } from '../packing/layer.ts';
import { LayerDigest, type LayerIdentity } from '../packing/layer-digest.ts';
import type { LayerFile } from '../packing/read-layer.ts';
import { DeliveryError } from '../errors/delivery-error.ts';

/**
 * Reads the files of a layer to learn its digest before anything is sent.
 *
 * @param onFile told the SHA-256 of each file, in hexadecimal
 * @throws DeliveryError `FILE_CHANGED`
 */
export async function identifyLayer(
  layer: Layer<LayerFile>,
  signal: AbortSignal,
  onFile: (file: LayerFile, sha256: string) => void = () => undefined,
): Promise<LayerIdentity> {
  const digest = new LayerDigest(layer);
  for (const file of layer.files) {
    let position = 0;
    const hash = createHash('sha256');
    const stream = file.size === 0 ? [] : await file.open(0, signal);
    for await (const chunk of stream) {
      position += chunk.length;
      if (position > file.size) break;
      hash.update(chunk);
      digest.update(chunk);
    }
    if (position === file.size) {
      onFile(file, hash.digest('hex'));
      continue;
    }
    throw new DeliveryError('FILE_CHANGED', {
      message: `The file ${file.path} was listed with ${file.size} bytes but holds another number now.`,
      remedy: 'Run again once nothing writes to it any more.',
    });
  }
  return digest.finish();
}
