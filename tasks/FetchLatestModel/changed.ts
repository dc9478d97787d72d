import type { FetchedModel } from '../../lib/model/fetch.ts';

/** Whether this is another model than the one before: that of a given digest, else what the destination held. */
export function isChanged({ digest, result }: FetchedModel, previousDigest: string | undefined): boolean {
  return previousDigest === undefined ? result === 'fetched' : digest !== previousDigest.toLowerCase();
}
