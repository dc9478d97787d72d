import { DeliveryError } from '../../errors/delivery-error.ts';
import { highestFirst, isFullVersion } from '../../naming/semantic-version.ts';
import { highestTags } from '../earlier-images.ts';
import { formatImage, formatRepository, type RepositoryName } from '../image-name.ts';
import { inParallel } from '../in-parallel.ts';
import type { RegistryClient } from '../registry-client.ts';
import { Repository } from '../repository.ts';
import { type AzureTag, azureTags } from './azure-tags.ts';
import { type Candidate, type FoundImage, type Lack, lookInto } from './found-image.ts';
import { repositoryMissing, tagMissing } from './missing.ts';
import { Survey } from './survey.ts';
import { tagFilter } from './tag-filter.ts';
import type { ImageFilter, WantedImage } from './wanted-image.ts';

/** What a search may use. */
export interface SearchContext {
  /** Whether the repository is in Azure Container Registry, which knows when a tag was pushed. */
  readonly isAzure: boolean;
  /** More images are not looked into. */
  readonly mostImages: number;
  /** Hears of what a reader of the log should know, a sentence each. */
  readonly onNote: (text: string) => void;
  readonly signal: AbortSignal;
}

/** Manifests and configurations read at once. */
const READ_AT_ONCE = 16;
/** What an identity gets that may pull, but not read metadata. */
const REFUSALS = ['REGISTRY_FORBIDDEN', 'REGISTRY_UNAUTHORIZED', 'REGISTRY_REFUSED'];

/**
 * Finds an image of a repository. As few images as possible are looked into: where an order is known beforehand, from the newest on until one
 * is as it should be.
 *
 * @throws DeliveryError `REPOSITORY_NOT_FOUND`, `IMAGE_NOT_FOUND`, `NO_IMAGE_MATCHES`, `IMAGES_TOO_MANY`, `IMAGE_ORDER_UNSUPPORTED`, and those
 *   of the registry
 */
export async function findImage(
  client: RegistryClient,
  name: RepositoryName,
  wanted: WantedImage,
  context: SearchContext,
): Promise<FoundImage> {
  const search = new Search(new Repository(client, name, 'pull'), wanted.filter, context);
  switch (wanted.by) {
    case 'tag':
      return search.byTag(wanted.tag);
    case 'auto':
      return context.isAzure ? search.byPushOrCreation() : search.byCreation();
    case 'pushed':
      if (!context.isAzure) throw noTimes(client.registry);
      return search.byPush();
    case 'created':
      return search.byCreation();
    case 'version':
      return search.byVersion();
  }
}

/** One search in one repository. */
class Search {
  readonly #repository: Repository;
  readonly #filter: ImageFilter;
  readonly #context: SearchContext;
  readonly #survey: Survey;
  readonly #isMeant: (tag: string) => boolean;

  constructor(repository: Repository, filter: ImageFilter, context: SearchContext) {
    this.#repository = repository;
    this.#filter = filter;
    this.#context = context;
    this.#survey = new Survey(repository.name);
    this.#isMeant = tagFilter(filter.tags, filter.excludeTags);
  }

  async byTag(tag: string): Promise<FoundImage> {
    const { signal } = this.#context;
    const stored = await this.#repository.manifest(tag, signal);
    if (stored === undefined) throw await tagMissing(this.#repository, tag, signal);
    const found = await this.#lookInto({ tags: [tag], pushed: undefined, stored });
    if (typeof found === 'object') return found;
    throw new DeliveryError('NO_IMAGE_MATCHES', {
      message: `The image ${formatImage({ ...this.#repository.name, tag, digest: undefined })} ${found}.`,
      remedy: 'Move the tag, or correct platform and labels.',
    });
  }

  /** By push; by creation where the identity may pull, but not see when something was pushed. */
  async byPushOrCreation(): Promise<FoundImage> {
    try {
      return await this.byPush();
    } catch (error) {
      if (!(error instanceof DeliveryError) || !REFUSALS.includes(error.code)) throw error;
      this.#context.onNote(
        `${this.#repository.name.registry} does not say when tags were pushed (${error.code}): images are told apart by their creation.`,
      );
      return new Search(this.#repository, this.#filter, this.#context).byCreation();
    }
  }

  async byPush(): Promise<FoundImage> {
    const { signal } = this.#context;
    const { client, name: own } = this.#repository;
    // One token for both, so that there is one request less.
    const repository = new Repository(client, own, 'pull,metadata_read');
    const seen = new Set<string>();
    let any = false;
    for await (const page of azureTags(repository, signal)) {
      any ||= page.length > 0;
      const meant = this.#survey.meant(namesOf(page), this.#isMeant);
      for (const { name, digest, updated } of page.filter((tag) => meant.includes(tag.name))) {
        if (seen.has(digest)) continue;
        seen.add(digest);
        const same = namesOf(page.filter((tag) => tag.digest === digest && tag.name !== name));
        const stored = await repository.manifest(digest, signal);
        const candidate = stored && { tags: [name, ...same], pushed: updated, stored };
        const found = candidate && (await this.#tried(candidate, repository));
        if (found !== undefined) return found;
      }
    }
    throw any ? await this.#survey.nothing(this.#filter.tags) : await repositoryMissing(this.#repository, signal);
  }

  async byVersion(): Promise<FoundImage> {
    const meant = await this.#meantTags();
    const full = meant.filter(isFullVersion);
    const versions = highestFirst(full.length > 0 ? full : meant);
    for (const tag of versions) {
      const stored = await this.#repository.manifest(tag, this.#context.signal);
      const found = stored && (await this.#tried({ tags: [tag], pushed: undefined, stored }));
      if (found !== undefined) return found;
    }
    const others = new Set(versions);
    this.#survey.noVersions(meant.filter((tag) => !others.has(tag)));
    throw await this.#survey.nothing(this.#filter.tags);
  }

  async byCreation(): Promise<FoundImage> {
    const { mostImages, signal } = this.#context;
    const meant = highestTags(await this.#meantTags());
    if (meant.length > mostImages) throw tooMany(this.#repository, meant.length, mostImages);
    const candidates = await this.#candidates(meant);
    const images = await inParallel(candidates, { limit: READ_AT_ONCE, signal }, (candidate) =>
      this.#lookInto(candidate),
    );
    const [newest] = images
      .filter((image): image is FoundImage => typeof image === 'object')
      // The order of the highest tags stays where times are the same, as after a change of the model alone.
      .sort((a, b) => (b.created?.getTime() ?? 0) - (a.created?.getTime() ?? 0));
    if (newest !== undefined) return newest;
    for (const [index, lack] of images.entries()) {
      if (typeof lack !== 'object') this.#survey.passedOver(candidates[index]?.tags ?? [], lack);
    }
    throw await this.#survey.nothing(this.#filter.tags);
  }

  async #meantTags(): Promise<readonly string[]> {
    const tags = await this.#repository.tags(this.#context.signal);
    if (tags.length === 0) throw await repositoryMissing(this.#repository, this.#context.signal);
    return this.#survey.meant(tags, this.#isMeant);
  }

  /** What tags name, each image once with all of its tags. */
  async #candidates(tags: readonly string[]): Promise<readonly Candidate[]> {
    const { signal } = this.#context;
    const read = await inParallel(tags, { limit: READ_AT_ONCE, signal }, async (tag, until) => {
      return { tag, stored: await this.#repository.manifest(tag, until) };
    });
    const candidates = new Map<string, Candidate>();
    for (const { tag, stored } of read) {
      if (stored === undefined) continue;
      const known = candidates.get(stored.digest);
      candidates.set(stored.digest, { tags: [...(known?.tags ?? []), tag], pushed: undefined, stored });
    }
    return [...candidates.values()];
  }

  async #tried(candidate: Candidate, repository = this.#repository): Promise<FoundImage | undefined> {
    const { mostImages } = this.#context;
    if (this.#survey.count >= mostImages) throw tooMany(this.#repository, mostImages + 1, mostImages);
    const found = await this.#lookInto(candidate, repository);
    if (typeof found === 'object') return found;
    this.#survey.passedOver(candidate.tags, found);
    return undefined;
  }

  #lookInto(candidate: Candidate, repository = this.#repository): Promise<FoundImage | Lack> {
    return lookInto(repository, candidate, this.#filter, this.#context.signal);
  }
}

function namesOf(tags: readonly AzureTag[]): readonly string[] {
  return tags.map(({ name }) => name);
}

function noTimes(registry: string): DeliveryError {
  return new DeliveryError('IMAGE_ORDER_UNSUPPORTED', {
    message: `The registry ${registry} does not say when images were pushed; only Azure Container Registry does.`,
    remedy: 'Set newestBy to created or version.',
  });
}

function tooMany({ name }: Repository, found: number, most: number): DeliveryError {
  return new DeliveryError('IMAGES_TOO_MANY', {
    message: `${found} images of ${formatRepository(name)} would have to be looked into, and maximumImages is ${most}.`,
    remedy:
      'Narrow tags or excludeTags, choose newestBy version (or pushed, in Azure Container Registry), or raise maximumImages.',
  });
}
