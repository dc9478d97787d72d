import { DeliveryError } from '../errors/delivery-error.ts';
import { archiveName, type Entry, type FileEntry, type Owner, ROOT } from './entry.ts';
import { BLOCK, paddingAfter, tarHeader } from './tar-header.ts';

/**
 * The version of the rules in this folder: same version, files and target folder → same layers, byte for byte.
 * It stands beside layer digests that are kept (in a model's `model.json`); whoever changes a byte of what comes out
 * raises it.
 */
export const PACKING_FORMAT = 1;

/** A piece of a layer: bytes known beforehand (headers, padding) or the whole content of a file. */
export type Segment<File> =
  | { readonly type: 'bytes'; readonly bytes: Uint8Array }
  | { readonly type: 'content'; readonly entry: FileEntry<File> };

/** A layer whose every byte is settled but for the content of its files. */
export interface Layer<File> {
  /** Size of the tar archive in bytes, known before any file is read. */
  readonly size: number;
  /** The files in the order in which the layer holds their bytes. */
  readonly files: readonly File[];
  readonly segments: readonly Segment<File>[];
}

/** Who owns what a layer adds: everything at or below a path. Folders above it are the system's. */
export interface Ownership {
  readonly owner: Owner;
  readonly path: string;
}

/**
 * Lays entries out as a tar archive: in byte order of their names, each folder above them named explicitly (some
 * engines would otherwise make it with a mode of their own), and two zero blocks at the end.
 *
 * @throws DeliveryError `PATH_UNSAFE` where two entries have one path, or a file stands where a folder must be
 */
export function layerOf<File>(entries: readonly Entry<File>[], ownership?: Ownership): Layer<File> {
  const ordered = inByteOrder(withParents(entries));
  const segments: Segment<File>[] = [];
  let known: Uint8Array[] = [];
  const flush = (): void => {
    if (known.length > 0) segments.push({ type: 'bytes', bytes: Buffer.concat(known) });
    known = [];
  };
  for (const entry of ordered) {
    known.push(tarHeader(entry, ownerOf(entry, ownership)));
    if (entry.type !== 'file' || entry.size === 0) continue;
    flush();
    segments.push({ type: 'content', entry });
    known.push(Buffer.alloc(paddingAfter(entry.size)));
  }
  known.push(Buffer.alloc(2 * BLOCK));
  flush();
  return {
    size: segments.reduce((sum, segment) => sum + sizeOf(segment), 0),
    files: ordered.flatMap((entry) => (entry.type === 'file' ? [entry.file] : [])),
    segments,
  };
}

function ownerOf({ path }: Entry<unknown>, ownership: Ownership | undefined): Owner {
  if (ownership === undefined) return ROOT;
  return path === ownership.path || path.startsWith(`${ownership.path}/`) ? ownership.owner : ROOT;
}

/** Bytes that a segment adds to its layer. */
export function sizeOf(segment: Segment<unknown>): number {
  return segment.type === 'bytes' ? segment.bytes.length : segment.entry.size;
}

/**
 * Entries with a folder for each that stands above one of them.
 *
 * @throws DeliveryError `PATH_UNSAFE` where two have one path, or a file stands where a folder must be
 */
export function withParents<File>(entries: readonly Entry<File>[]): readonly Entry<File>[] {
  const byPath = new Map<string, Entry<File>>();
  for (const entry of entries) {
    if (byPath.has(entry.path)) throw collision(entry.path, 'it is there twice');
    byPath.set(entry.path, entry);
  }
  for (const { path } of entries) {
    for (let slash = path.lastIndexOf('/'); slash > 0; slash = path.lastIndexOf('/', slash - 1)) {
      const parent = path.slice(0, slash);
      const there = byPath.get(parent);
      if (there === undefined) byPath.set(parent, { type: 'folder', path: parent });
      else if (there.type !== 'folder')
        throw collision(parent, `it is a ${there.type}, and ${path} needs a folder there`);
    }
  }
  return [...byPath.values()];
}

function inByteOrder<File>(entries: readonly Entry<File>[]): readonly Entry<File>[] {
  return entries
    .map((entry) => ({ entry, key: Buffer.from(archiveName(entry)) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ entry }) => entry);
}

function collision(path: string, problem: string): DeliveryError {
  return new DeliveryError('PATH_UNSAFE', {
    message: `The path ${JSON.stringify(path)} cannot go into an image: ${problem}.`,
    remedy: 'Rename or leave out one of the two.',
  });
}
