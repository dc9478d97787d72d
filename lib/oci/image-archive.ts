import type { FileEntry } from '../packing/entry.ts';
import { layerOf } from '../packing/layer.ts';
import { type LayerFile, readLayer } from '../packing/read-layer.ts';
import { modelFiles } from './local-folder.ts';

/** A folder that {@link writeImage} filled, as the archive that `docker load` and others read. */
export async function* imageArchive(folder: string, signal: AbortSignal): AsyncGenerator<Uint8Array> {
  const entries = (await modelFiles(folder)).map((file): FileEntry<LayerFile> => {
    return { type: 'file', path: file.path, size: file.size, executable: false, file };
  });
  yield* readLayer(layerOf(entries), 0, signal);
}
