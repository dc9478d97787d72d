import { type FileEntry, type Owner, ROOT } from './entry.ts';
import { checkRelativePath, targetPath } from './entry-path.ts';
import { type Layer, layerOf } from './layer.ts';

/** A file from this size on has a layer of its own, so that large files move in parallel and change alone. */
const OWN_LAYER = 64 * 1024 * 1024;
/** Smaller files share layers of about this size. */
const SHARED_LAYER = 1024 * 1024 * 1024;
/** Container engines stop at about 125 layers an image (overlayfs); the base and the app need some of them. */
const MOST_LAYERS = 64;

/** What planning needs to know of a file; what else it carries stays with it. */
export interface PlannedFile {
  readonly path: string;
  readonly size: number;
}

/**
 * Divides a model's files into layers: one for each large file, shared ones for the small, in byte order of their paths, and
 * never so many that an engine would refuse the image. The same files and target always give the same layers.
 *
 * @param files the model's files, with paths relative to the target, in any order
 * @param target folder of the image that they go into, such as `/model`
 * @param owner who owns that folder and all in it
 * @throws DeliveryError `PATH_UNSAFE`, `TARGET_INVALID`
 */
export function planLayers<File extends PlannedFile>(
  files: readonly File[],
  target: string,
  owner: Owner = ROOT,
): readonly Layer<File>[] {
  for (const { path } of files) checkRelativePath(path);
  const folder = targetPath(target);
  // One layer of everything first: it alone sees paths that collide across layers.
  const entries = layerOf(files.map((file) => entryOf(file, folder))).files.map((file) => entryOf(file, folder));
  for (let scale = 1; ; scale *= 2) {
    const groups = groupBySize(entries, scale);
    if (groups.length <= MOST_LAYERS) return groups.map((group) => layerOf(group, { owner, path: folder }));
  }
}

/** A file of a model as an entry of a layer, below the folder of the image that the model goes into, such as `model`. */
export function entryOf<File extends PlannedFile>(file: File, folder: string): FileEntry<File> {
  // Never executable: stores keep no modes, and a model gives the same layers from a folder as from a store.
  return { type: 'file', path: `${folder}/${file.path}`, size: file.size, executable: false, file };
}

/** Large entries alone, small ones together; groups are in the order of their first entry. */
function groupBySize<File>(entries: readonly FileEntry<File>[], scale: number): readonly FileEntry<File>[][] {
  const groups: FileEntry<File>[][] = [];
  let shared: { readonly group: FileEntry<File>[]; size: number } | undefined;
  for (const entry of entries) {
    if (entry.size >= OWN_LAYER * scale) {
      groups.push([entry]);
    } else if (shared !== undefined && shared.size + entry.size <= SHARED_LAYER * scale) {
      shared.group.push(entry);
      shared.size += entry.size;
    } else {
      shared = { group: [entry], size: entry.size };
      groups.push(shared.group);
    }
  }
  return groups;
}
