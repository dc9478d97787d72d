import { closeSync, fstatSync, openSync, readSync, type Stats } from 'node:fs';
import { type FileHandle, open, readdir, realpath, stat } from 'node:fs/promises';
import { basename, join, parse, relative, sep } from 'node:path';
import picomatch from 'picomatch';
import { asError, DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { inPathOrder } from './model-digest.ts';
import { PIECE, type PieceMemory, SMALL } from './piece-memory.ts';

/** A file on this machine that belongs to a model. */
export interface SourceFile {
  /** Relative to the model's folder, with `/` between its parts. */
  readonly path: string;
  /** In bytes, when it was found. */
  readonly size: number;
  /** Where it is on this machine. */
  readonly location: string;
}

/** Where the files of a model are on this machine. */
export interface Source {
  /** A file, a folder, or a pattern with `*`, `**`, `?`, `[…]` and `{…}`. Absolute. */
  readonly path: string;
  /** A folder above it whose own path is no pattern, whatever signs are in it. */
  readonly root?: string | undefined;
  /** Patterns of files to leave out, by their paths in the model; those without `/` hold in every folder. */
  readonly exclude: readonly string[];
}

/** What belongs to a model, by paths in it. */
interface Wanted {
  file(path: string): boolean;
  /** Whether files below a folder may belong to it. */
  folder(path: string): boolean;
}

/**
 * The files of a model: one file, all below a folder, or all that a pattern finds, with their paths below the folders that the
 * pattern spells out. Links are followed, as caches of model hubs are made of them. What does not belong to the model need not be readable.
 *
 * @throws DeliveryError `SOURCE_NOT_FOUND`, `SOURCE_UNREADABLE` (a link that leads in a circle, a device, missing rights)
 */
export async function sourceFiles({ path, root, exclude }: Source): Promise<readonly SourceFile[]> {
  const found = await stat(path).catch((cause: unknown) => asError(cause));
  const kept = allBut(exclude);
  // A folder may well be called `model[1]`: what is there always means itself.
  if (found instanceof Error) return inPathOrder(await matchingFiles(patternOf(path, root, found), kept));
  if (!found.isFile()) return inPathOrder(await filesBelow(path, '', [], kept));
  const file = { path: basename(path), size: found.size, location: path };
  return kept.file(file.path) ? [file] : [];
}

const GLOB = { dot: true, nonegate: true, windows: false } as const;

function allBut(exclude: readonly string[]): Wanted {
  const files = exclude.map((pattern) => picomatch(pattern, { ...GLOB, basename: !pattern.includes('/') }));
  const folders = exclude
    .filter((pattern) => pattern.endsWith('/**'))
    .map((pattern) => picomatch(pattern.slice(0, -'/**'.length), GLOB));
  return {
    file: (path) => !files.some((matches) => matches(path)),
    folder: (path) => !folders.some((matches) => matches(path)),
  };
}

interface Pattern {
  readonly path: string;
  /** Where its matches are. */
  readonly folder: string;
  readonly glob: string;
}

/** @throws DeliveryError `SOURCE_NOT_FOUND` where a path is no pattern: nothing is there */
function patternOf(path: string, root: string | undefined, cause: Error): Pattern {
  const start = root !== undefined && path.startsWith(join(root, sep)) ? root : parse(path).root;
  const { base, glob, isGlob } = picomatch.scan(relative(start, path).replaceAll(sep, '/'), GLOB);
  if (!isGlob) throw notFound(`There is no file or folder ${path}: ${messageOf(cause)}.`, cause);
  return { path, folder: join(start, base), glob };
}

async function matchingFiles({ path, folder, glob }: Pattern, kept: Wanted): Promise<readonly SourceFile[]> {
  const below = await stat(folder).catch((cause: unknown) => {
    throw notFound(`There is no folder ${folder}, in which ${path} should find files: ${messageOf(cause)}.`, cause);
  });
  const matches = picomatch(glob, GLOB);
  const depth = depthOf(glob);
  const wanted: Wanted = {
    file: (file) => matches(file) && kept.file(file),
    folder: (name) => name.split('/').length < depth && kept.folder(name),
  };
  const files = below.isDirectory() ? await filesBelow(folder, '', [], wanted) : [];
  if (files.length === 0) throw notFound(`No file matches ${path}.`);
  return files;
}

/** Parts that the paths of matches have at most. */
function depthOf(glob: string): number {
  const isOpen = glob.includes('**') || /[[{(].*\//.test(glob);
  return isOpen ? Infinity : glob.split('/').length;
}

function notFound(message: string, cause?: unknown): DeliveryError {
  return new DeliveryError('SOURCE_NOT_FOUND', {
    message,
    remedy: 'Check source and exclude, and that the step which writes the model ran before.',
    cause,
  });
}

async function filesBelow(
  folder: string,
  path: string,
  above: readonly string[],
  wanted: Wanted,
): Promise<readonly SourceFile[]> {
  const real = await realpath(folder);
  if (above.includes(real)) throw unreadable(folder, 'it is a link to a folder above itself');
  const files: SourceFile[] = [];
  const names = await readdir(folder).catch((cause: unknown) => {
    throw unreadable(folder, messageOf(cause), cause);
  });
  for (const name of names) {
    const [location, own] = [join(folder, name), `${path}${name}`];
    const found = await stat(location).catch((cause: unknown) => asError(cause));
    if (!(found instanceof Error) && found.isDirectory()) {
      const below = wanted.folder(own) ? await filesBelow(location, `${own}/`, [...above, real], wanted) : [];
      for (const file of below) files.push(file);
    } else if (wanted.file(own)) {
      files.push({ path: own, size: sizeOf(found, location), location });
    }
  }
  return files;
}

/** @throws DeliveryError `SOURCE_UNREADABLE` */
function sizeOf(found: Stats | Error, location: string): number {
  if (found instanceof Error) throw unreadable(location, messageOf(found), found);
  if (!found.isFile()) throw unreadable(location, 'it is neither a file nor a folder');
  return found.size;
}

/**
 * Reads a file in pieces of 8 MiB. Whoever takes a piece gives its memory back.
 *
 * @throws DeliveryError `SOURCE_CHANGED` where it has not the size any more that it was found with, `SOURCE_UNREADABLE`
 */
export async function* readPieces(
  { location, size }: SourceFile,
  memory: PieceMemory,
  signal: AbortSignal,
): AsyncGenerator<Buffer> {
  const unreadableHere = (cause: unknown): DeliveryError => unreadable(location, messageOf(cause), cause);
  if (size <= SMALL) {
    signal.throwIfAborted();
    const piece = await memory.acquire(size);
    const read = readAtOnce(location, piece);
    if (read.bytes !== size || read.size !== size) throw changed(location, size);
    // An empty file has no piece.
    if (size > 0) yield piece;
    else memory.release(piece);
    return;
  }
  const file = await open(location).catch((cause: unknown) => {
    throw unreadableHere(cause);
  });
  try {
    for (let at = 0; at < size; at += PIECE) {
      signal.throwIfAborted();
      const piece = await memory.acquire(Math.min(PIECE, size - at));
      const read = await readWhole(file, piece).catch((cause: unknown) => {
        throw unreadableHere(cause);
      });
      if (read < piece.length) throw changed(location, size);
      yield piece;
    }
    if ((await file.stat()).size !== size) throw changed(location, size);
  } finally {
    await file.close();
  }
}

/**
 * Reads a few bytes of a file, fewer than asked for at its end, and tells its size. At once, not on a thread: to find one
 * takes longer than to read, and a model may have thousands of files.
 *
 * @throws DeliveryError `SOURCE_UNREADABLE`
 */
export function readAtOnce(
  location: string,
  into: Buffer,
  position = 0,
): { readonly bytes: number; readonly size: number } {
  try {
    const file = openSync(location, 'r');
    try {
      let bytes = 0;
      for (let read = -1; read !== 0 && bytes < into.length; bytes += read) {
        read = readSync(file, into, bytes, into.length - bytes, position + bytes);
      }
      return { bytes, size: fstatSync(file).size };
    } finally {
      closeSync(file);
    }
  } catch (cause) {
    throw unreadable(location, messageOf(cause), cause);
  }
}

/** Reads on until the buffer is full or the file at its end, and tells how much there was. */
async function readWhole(file: FileHandle, into: Buffer): Promise<number> {
  for (let filled = 0; ;) {
    const { bytesRead } = await file.read(into, filled, into.length - filled);
    filled += bytesRead;
    if (bytesRead === 0 || filled === into.length) return filled;
  }
}

function changed(location: string, size: number): DeliveryError {
  return new DeliveryError('SOURCE_CHANGED', {
    message: `The file ${location} changed while it was published: it had ${size} bytes.`,
    remedy: 'Publish once nothing writes to it any more.',
  });
}

/** The error for a file of a model that cannot be read. */
export function unreadable(location: string, why: string, cause?: unknown): DeliveryError {
  return new DeliveryError('SOURCE_UNREADABLE', {
    message: `${location} cannot be published: ${why}.`,
    remedy: 'Remove it from the model or make it readable.',
    cause,
  });
}
