import { isPassingError, PATIENT, wait, waitBefore } from '../http/retry.ts';
import type { BlobSource } from './blob-source.ts';
import type { RegistryClient } from './registry-client.ts';

/** A blob of one registry, to be read on its way into another. A stream that breaks is taken up where it broke. */
export function registryBlob(client: RegistryClient, repository: string, digest: string, size: number): BlobSource {
  const name = `layer ${digest.slice(0, 19)} of ${client.registry}/${repository}`;
  return {
    name,
    size,
    open: async function* (offset, signal) {
      let position = offset;
      for (let failures = 0; position < size;) {
        try {
          for await (const chunk of openAt(client, { repository, digest, name, offset: position, signal })) {
            position += chunk.length;
            failures = 0;
            yield chunk;
          }
          // Ended without an error: what is missing then is for the digest to find.
          return;
        } catch (error) {
          signal.throwIfAborted();
          failures += 1;
          if (failures === PATIENT.attempts || !isPassingError(error)) throw error;
          await wait(waitBefore(failures, PATIENT), signal);
        }
      }
    },
  };
}

async function* openAt(
  client: RegistryClient,
  {
    repository,
    digest,
    name,
    offset,
    signal,
  }: {
    readonly repository: string;
    readonly digest: string;
    readonly name: string;
    readonly offset: number;
    readonly signal: AbortSignal;
  },
): AsyncGenerator<Uint8Array> {
  const answer = await client.open({
    method: 'GET',
    target: `${repository}/blobs/${digest}`,
    headers: offset > 0 ? { range: `bytes=${offset}-` } : {},
    scopes: [{ repository, actions: 'pull' }],
    doing: `read ${name}`,
    signal,
  });
  // A registry that knows no ranges sends everything.
  let skip = answer.status === 206 ? 0 : offset;
  for await (const chunk of answer.body as AsyncIterable<Uint8Array>) {
    const rest = chunk.subarray(Math.min(skip, chunk.length));
    skip -= chunk.length - rest.length;
    if (rest.length > 0) yield rest;
  }
}
