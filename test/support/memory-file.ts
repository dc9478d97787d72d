import { Readable } from 'node:stream';
import type { LayerFile } from '../../lib/packing/read-layer.ts';

/** A file of a layer whose content is given; it remembers from where it was read. */
export interface MemoryFile extends LayerFile {
  readonly reads: readonly number[];
}

export function memoryFile(path: string, content: string | Uint8Array): MemoryFile {
  const bytes = Buffer.from(content);
  const reads: number[] = [];
  return {
    path,
    size: bytes.length,
    reads,
    open: (offset) => {
      reads.push(offset);
      return Promise.resolve(Readable.from([bytes.subarray(offset)]));
    },
  };
}
