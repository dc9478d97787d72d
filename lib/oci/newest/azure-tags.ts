import { formatRepository } from '../image-name.ts';
import type { Repository } from '../repository.ts';

/** A tag as Azure Container Registry keeps account of it. */
export interface AzureTag {
  readonly name: string;
  readonly digest: string;
  /** When it was last pushed. */
  readonly updated: Date;
}

/** Mostly the first few decide; more come when they are asked for. */
const TAGS_A_PAGE = 100;

/**
 * The tags of a repository of Azure Container Registry, the one pushed last first, page by page
 * (https://learn.microsoft.com/rest/api/containerregistry/tag/get-list). Needs the right to read metadata.
 */
export async function* azureTags(repository: Repository, signal: AbortSignal): AsyncGenerator<readonly AzureTag[]> {
  const { client, name } = repository;
  const path = `/acr/v1/${name.repository}/_tags?orderby=timedesc&n=${TAGS_A_PAGE}`;
  const doing = `list the newest tags of ${formatRepository(name)}`;
  for await (const page of repository.pages(await client.addressOf(path, signal), doing, signal)) {
    yield tagsIn(page);
  }
}

function tagsIn(bytes: Buffer): readonly AzureTag[] {
  const { tags } = valueOf(bytes);
  return (Array.isArray(tags) ? (tags as readonly unknown[]) : []).flatMap((tag) => {
    const { name, digest, lastUpdateTime } = (tag ?? {}) as Readonly<Record<string, unknown>>;
    const known = typeof name === 'string' && typeof digest === 'string' && typeof lastUpdateTime === 'string';
    return known ? [{ name, digest, updated: new Date(lastUpdateTime) }] : [];
  });
}

function valueOf(bytes: Buffer): { readonly tags?: unknown } {
  try {
    return JSON.parse(bytes.toString()) as { tags?: unknown };
  } catch {
    return {};
  }
}
