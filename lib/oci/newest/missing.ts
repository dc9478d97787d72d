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
  const near = await nearestNames(name.repository, await catalogue(client, signal));
  return new DeliveryError('REPOSITORY_NOT_FOUND', {
    message: `The repository ${formatRepository(name)} does not exist, or has no tags.`,
    remedy:
      near.length === 0
        ? 'Correct its name, or push an image first.'
        : `Correct its name, or push an image first; the registry has: ${near.join(', ')}.`,
  });
}

/** The names of a registry's repositories, as many as it gives at once; none where it does not tell them. */
async function catalogue(client: RegistryClient, signal: AbortSignal): Promise<readonly string[]> {
  try {
    const doing = 'list its repositories';
    const { body } = await client.ask({
      method: 'GET',
      target: '_catalog?n=1000',
      scopes: ['catalogue'],
      doing,
      signal,
    });
    return namesIn(body);
  } catch (error) {
    // Whoever may read one repository need not be let into the list of all.
    if (error instanceof DeliveryError) return [];
    throw error;
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
