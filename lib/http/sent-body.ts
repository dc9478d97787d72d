/** Small enough that even a slow line takes one of them long before a peer is thought to have stalled. */
const CHUNK = 256 * 1024;

/**
 * What to send of a body that a storage SDK has made. Large ones go in chunks, each of which counts as progress; in one
 * piece a body would have to be through within the limit on silence.
 */
export function sentBody(body: unknown): { readonly body?: string | AsyncIterable<Uint8Array> } {
  if (body instanceof Uint8Array) return body.length === 0 ? {} : { body: chunks(body) };
  return typeof body === 'string' && body !== '' ? { body } : {};
}

async function* chunks(bytes: Uint8Array): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < bytes.length; at += CHUNK) yield await Promise.resolve(bytes.subarray(at, at + CHUNK));
}
