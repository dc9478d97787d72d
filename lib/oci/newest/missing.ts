import { DeliveryError } from '../../errors/delivery-error.ts';
import { nearestNames } from '../../naming/nearest-names.ts';
import { formatImage, formatRepository } from '../image-name.ts';
import { isCompanionTag } from '../referrers.ts';
import type { RegistryClient } from '../registry-client.ts';
import type { Repository } from '../repository.ts';

/** The error for a tag that is not there; names those that are most like it. */
export async function tagMissing(repository: Repository, tag: string, signal: AbortSignal): Promise<DeliveryError> {
  const tags = (await repository.tags(signal)).filter((name) => !isCompanionTag(name));
  if (tags.length === 0) return repositoryMissing(repository, signal);
  return new DeliveryError('IMAGE_NOT_FOUND', {
    message: `The image ${formatImage({ ...repository.name, tag, digest: undefined })} does not exist.`,
    remedy: `The repository has: ${(await nearestNames(tag, tags)).join(', ')}.`,
  });
}

/** The error for a repository without a single tag; names those that are most like it, where the registry lets itself be asked. */
export async function repositoryMissing({ client, name }: Repository, signal: AbortSignal): Promise<DeliveryError> {
  const near = await nearestNames(name.repository, catalogue(client, name.repository, signal));
  return new DeliveryError('REPOSITORY_NOT_FOUND', {
    message: `The repository ${formatRepository(name)} does not exist, or has no tags.`,
    remedy:
      near.length === 0
        ? 'Correct its name, or push an image first.'
        : `Correct its name, or push an image first; the registry has: ${near.join(', ')}.`,
  });
}

/** Repositories that a registry is asked for at once. */
const PAGE = 1000;

/**
 * The names of a registry's repositories; none where it does not tell them. A page of those of the wanted one's
 * namespace comes first: a registry may have more names than an error message is worth reading.
 */
async function* catalogue(client: RegistryClient, wanted: string, signal: AbortSignal): AsyncGenerator<string> {
  const list = (from: string): AsyncGenerator<Buffer> =>
    client.pages({
      method: 'GET',
      target: `_catalog?n=${PAGE}${from}`,
      scopes: ['catalogue'],
      doing: 'list its repositories',
      signal,
    });
  const namespace = wanted.slice(0, Math.max(0, wanted.lastIndexOf('/')));
  try {
    if (namespace !== '') {
      const first: IteratorResult<Buffer, void> = await list(`&last=${encodeURIComponent(namespace)}`).next();
      if (first.done !== true) yield* namesIn(first.value);
    }
    for await (const page of list('')) yield* namesIn(page);
  } catch (error) {
    // Whoever may read one repository need not be let into the list of all.
    if (!(error instanceof DeliveryError)) throw error;
  }
}

function namesIn(bytes: Buffer): readonly string[] {
  try {
    const { repositories } = JSON.parse(bytes.toString()) as { repositories?: unknown };
    return Array.isArray(repositories) ? repositories.filter((name) => typeof name === 'string') : [];
  } catch {
    return [];
  }
}
