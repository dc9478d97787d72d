// Numbers as people read them.

/** `283.1 MB`, or `41 KB` below a megabyte. */
export function megabytes(bytes: number): string {
  return bytes < 1e6 ? `${Math.ceil(bytes / 1e3)} KB` : `${(bytes / 1e6).toFixed(1)} MB`;
}

/** `97.8 %` of 0.978. */
export function percent(fraction: number): string {
  return `${(fraction * 100).toFixed(1)} %`;
}

/** `sha256:` and the first twelve digits: enough to tell digests apart by eye. */
export function shortDigest(digest: string): string {
  return digest.replace(/^(sha256:.{12}).*$/, '$1…');
}
