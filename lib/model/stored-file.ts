import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { DeliveryError } from '../errors/delivery-error.ts';
import { FreshMemory, type PieceMemory } from './piece-memory.ts';
import { readAhead } from './read-ahead.ts';
import type { ModelFile } from './resolved-model.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** Pieces that one open stream reads ahead: enough to fill a line, and 32 MiB of memory. */
const READ_AHEAD = 4;

/** What is known of a file before it is read. */
export interface StoredFileFacts {
  readonly path: string;
  readonly size: number;
  /** Name of its object in the store. */
  readonly object: string;
  readonly etag: string | undefined;
  readonly sha256: string | undefined;
  readonly md5: string | undefined;
}

/**
 * A model's file in a store.
 *
 * @param shared what files are read into whose readers take a piece at a time
 */
export function storedFile(store: ObjectStore, facts: StoredFileFacts, shared: PieceMemory): ModelFile {
  const { path, size, object, etag, sha256, md5 } = facts;
  const readRange: ModelFile['readRange'] = (offset, into, signal) =>
    store.readRange({ name: object, offset, size, etag }, into, signal);
  const piecesOf = (
    offset: number,
    check: boolean,
    memory: PieceMemory,
    signal: AbortSignal,
  ): AsyncIterable<Buffer> => {
    const pieces = readAhead(readRange, { offset, size }, memory, signal);
    return check && offset === 0 && sha256 !== undefined ? verified(pieces, path, sha256) : pieces;
  };
  const open: ModelFile['open'] = (offset, signal) => {
    // The stream's reader may keep a piece for as long as it likes.
    const pieces = piecesOf(offset, true, new FreshMemory(READ_AHEAD), signal);
    return Promise.resolve(Readable.from(pieces, { objectMode: false, signal }));
  };
  const openBriefly: ModelFile['openBriefly'] = (offset, check, signal) => {
    return piecesOf(offset, check, shared, signal);
  };
  const identity = etag === undefined ? undefined : JSON.stringify([store.uriOf(object), size, etag]);
  return { path, size, sha256, md5, identity, readRange, open, openBriefly };
}

/** Passes pieces on and compares their SHA-256 before the end. */
async function* verified(pieces: AsyncIterable<Buffer>, path: string, expected: string): AsyncGenerator<Buffer> {
  const hash = createHash('sha256');
  for await (const piece of pieces) {
    hash.update(piece);
    yield piece;
  }
  checkDigest(path, 'SHA-256', hash.digest('hex'), expected);
}

/** @throws DeliveryError `DIGEST_MISMATCH` */
export function checkDigest(path: string, kind: 'SHA-256' | 'MD5', found: string, expected: string | undefined): void {
  if (expected === undefined || found === expected) return;
  throw new DeliveryError('DIGEST_MISMATCH', {
    message: `The file ${JSON.stringify(path)} has the ${kind} ${found}, but the store promises ${expected}.`,
    remedy: 'It was damaged or replaced in the store; publish the model again under a new version.',
  });
}
