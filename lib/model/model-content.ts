import { createHash } from 'node:crypto';
import type { ResolvedModel } from './resolved-model.ts';

/**
 * What tells one content from another before a byte is read: the model's digest, or what a plain store knows of its blobs. By an
 * MD5, a blob that is written anew with the same bytes is the same; where one has none, it is another with each write.
 */
export function contentOf({ digest, fingerprint, uri, version, files }: ResolvedModel): string {
  if (digest !== undefined) return digest;
  const hash = createHash('sha256').update(`${uri}\n${version}\n`);
  for (const { path, size, md5 } of files) {
    // Without it, an overwritten blob of the same name and size would pass for the one before.
    if (md5 === undefined) return fingerprint;
    hash.update(`${md5} ${size} ${path}\n`);
  }
  return `sha256:${hash.digest('hex')}`;
}
