import type { Readable } from 'node:stream';
import type { ModelSource, PackedModel } from './manifest.ts';
import type { ReadRange } from './read-ahead.ts';

/** A file of a model, readable from any of its bytes on, always of the state in which it was resolved. */
export interface ModelFile {
  /** Relative to the model's folder, with `/` between its parts. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** SHA-256 that the content must have, in hexadecimal; undefined where the store does not say. */
  readonly sha256: string | undefined;
  /** MD5 that the content must have, in hexadecimal; undefined where the store does not say. */
  readonly md5: string | undefined;
  /** Tells this content from any other where its SHA-256 is not known; undefined where it is. */
  readonly identity: string | undefined;
  /** Reads some of its bytes. */
  readonly readRange: ReadRange;
  /**
   * Its content from `offset` on, read ahead in parallel, taken up again where the connection breaks, and, when read
   * from its beginning, checked against its SHA-256: the stream fails with `DIGEST_MISMATCH` before it would end.
   */
  readonly open: (offset: number, signal: AbortSignal) => Promise<Readable>;
  /**
   * The same, in memory that is used again: a piece is good only until the next is asked for.
   *
   * @param check whether to check the SHA-256, for readers who have no digest of their own to check
   */
  readonly openBriefly: (offset: number, check: boolean, signal: AbortSignal) => AsyncIterable<Buffer>;
}

/** A model that was found in a store, of which nothing has been downloaded yet. */
export interface ResolvedModel {
  readonly name: string;
  readonly version: string;
  /** When the version was made; of a plain store, when the newest blob was last changed. */
  readonly created: Date;
  /** The model's identity (see `modelDigest`); undefined for a plain store, which knows it only once all is read. */
  readonly digest: string | undefined;
  /** Stays the same as long as the store holds the same content: the digest, or in a plain store made of names and ETags. */
  readonly fingerprint: string;
  /** Where it is kept. Carries no secret. */
  readonly uri: string;
  readonly properties: Readonly<Record<string, string>>;
  /** Where it came from; empty for a plain store, which does not say. */
  readonly source: ModelSource;
  /** In byte order of their paths. */
  readonly files: readonly ModelFile[];
  /** The layers that it packs into, where they were recorded. */
  readonly packed: PackedModel | undefined;
  /** What a reader of the log should know: versions that were passed over, a sentence each. */
  readonly notes: readonly string[];
  /** What a reader of the run's page should know: that the version is deprecated. */
  readonly warnings: readonly string[];
}
