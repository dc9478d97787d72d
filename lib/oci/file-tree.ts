import { createReadStream } from 'node:fs';
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { indexTar } from '../packing/tar-index.ts';

/** A file on this machine or in an archive. */
export interface TreeFile {
  /** In bytes. */
  readonly size: number;
  open(offset: number, signal: AbortSignal): AsyncIterable<Uint8Array>;
}

/** Files by their paths, in a folder or in a tar archive. */
export interface FileTree {
  find(path: string): Promise<TreeFile | undefined>;
}

/** Larger chunks than the default 64 KiB halve the time that hashing and sending spend between them. */
const CHUNK = 1024 * 1024;
/** Documents of images are never near this size, in bytes. */
const DOCUMENT_LIMIT = 8 * 1024 * 1024;

export function folderTree(folder: string): FileTree {
  return {
    find: async (path) => {
      const file = join(folder, path);
      const found = await stat(file).catch(() => undefined);
      return found?.isFile() === true ? part(file, 0, found.size) : undefined;
    },
  };
}

/** @throws NotATarError */
export async function tarTree(archive: string): Promise<FileTree> {
  const members = await indexTar(archive);
  return {
    find: (path) => {
      const member = members.get(path);
      return Promise.resolve(member && part(archive, member.offset, member.size));
    },
  };
}

/** Reads a document whole; undefined where there is none, or one that cannot be meant. */
export async function readDocument(tree: FileTree, path: string, signal: AbortSignal): Promise<Buffer | undefined> {
  const file = await tree.find(path);
  if (file === undefined || file.size > DOCUMENT_LIMIT) return undefined;
  const chunks: Uint8Array[] = [];
  for await (const chunk of file.open(0, signal)) chunks.push(chunk);
  return Buffer.concat(chunks);
}

function part(file: string, start: number, size: number): TreeFile {
  return {
    size,
    open: (offset, signal) =>
      size === offset
        ? nothing()
        : (createReadStream(file, {
            start: start + offset,
            end: start + size - 1,
            signal,
            highWaterMark: CHUNK,
          }) as AsyncIterable<Uint8Array>),
  };
}

async function* nothing(): AsyncGenerator<Uint8Array> {
  // An empty file has no byte to read up to.
}
