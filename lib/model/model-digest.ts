import { createHash } from 'node:crypto';

/** A file with the digest of its content. */
export interface DigestedFile {
  /** Relative, with `/` between its parts. */
  readonly path: string;
  /** In bytes. */
  readonly size: number;
  /** 64 hexadecimal digits. */
  readonly sha256: string;
}

/** Files in byte order of their paths, the order in which everything here lists them. */
export function inPathOrder<File extends { readonly path: string }>(files: readonly File[]): readonly File[] {
  return files
    .map((file) => ({ file, key: Buffer.from(file.path) }))
    .sort((a, b) => Buffer.compare(a.key, b.key))
    .map(({ file }) => file);
}

/**
 * A model's identity, whatever its version is called and wherever it is kept: the SHA-256 of its file list, one line
 * `<sha256>  <path>` a file. The same comes out of `find . -type f -printf '%P\0' | LC_ALL=C sort -z | xargs -0 sha256sum | sha256sum`.
 *
 * @returns `sha256:` and 64 hexadecimal digits
 */
export function modelDigest(files: readonly DigestedFile[]): string {
  const hash = createHash('sha256');
  for (const { path, sha256 } of inPathOrder(files)) hash.update(`${sha256}  ${path}\n`);
  return `sha256:${hash.digest('hex')}`;
}

/** Bytes of all files together. */
export function totalSize(files: readonly { readonly size: number }[]): number {
  return files.reduce((sum, { size }) => sum + size, 0);
}
