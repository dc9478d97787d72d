import { DeliveryError } from '../errors/delivery-error.ts';
import type { Compression } from '../packing/compression.ts';
import type { LayerIdentity } from '../packing/layer-digest.ts';
import { compressionOf, kindOf } from './media-types.ts';
import { DocumentError, parseConfig, parseIndex, parseManifest } from './parse-documents.ts';
import { isCompanionTag } from './referrers.ts';
import type { Repository, StoredManifest } from './repository.ts';

/** How images name the content of some of their layers. */
export interface ContentLabels {
  /** Labels that, all equal, mean the same content. */
  readonly labels: Readonly<Record<string, string>>;
  /** The label that lists the digests of that content's layers, in order, with commas between them. */
  readonly layersLabel: string;
}

/** A layer of an image that some repository has. */
export interface EarlierLayer extends LayerIdentity {
  /** Digest of the uncompressed layer. */
  readonly diffId: string;
  readonly compression: Compression;
  /** The repository that has it. */
  readonly repository: string;
}

interface EarlierImage {
  readonly labels: Readonly<Record<string, string>>;
  readonly layers: readonly EarlierLayer[];
}

/** Where nothing stands under the wanted tags, so many of a repository's newest-looking tags are looked at. */
const MOST_GUESSES = 3;
/** Of more tags only so many are listed. */
const MOST_TAGS = 10_000;

/**
 * Images made before, which tell what content became which layers: those that the wanted tags point at, then
 * those of the repository's highest tags (a build number of each run, a semantic version), then those of other
 * repositories. All of it is only a hint: whoever uses a layer looks whether it is there. Each image is read once, and only when asked for.
 */
export class EarlierImages {
  readonly #images: AsyncGenerator<EarlierImage>;
  readonly #read: EarlierImage[] = [];
  #reading: Promise<unknown> = Promise.resolve();

  /** @param others further repositories of the registry, after the one that the tags belong to */
  constructor(own: Repository, others: readonly Repository[], tags: readonly string[], signal: AbortSignal) {
    this.#images = earlierImages(own, others, tags, signal);
  }

  /** The layers of some content, all of one compression; undefined where no image has it. */
  async byContent(
    { labels, layersLabel }: ContentLabels,
    compression: Compression,
  ): Promise<readonly EarlierLayer[] | undefined> {
    return this.#first((image) => {
      if (Object.entries(labels).some(([name, value]) => image.labels[name] !== value)) return undefined;
      const digests = image.labels[layersLabel]?.split(',') ?? [];
      const layers = digests.flatMap((digest) => image.layers.find((layer) => layer.digest === digest) ?? []);
      const complete = layers.length === digests.length && layers.every((layer) => layer.compression === compression);
      return complete ? layers : undefined;
    });
  }

  /** The layer that has this content, compressed so; undefined where no image has it. */
  async byDiffId(diffId: string, compression: Compression): Promise<EarlierLayer | undefined> {
    return this.#first(({ layers }) =>
      layers.find((layer) => layer.diffId === diffId && layer.compression === compression),
    );
  }

  async #first<Found>(find: (image: EarlierImage) => Found | undefined): Promise<Found | undefined> {
    for (let index = 0; ; index += 1) {
      const image = this.#read[index] ?? (await this.#readTo(index));
      if (image === undefined) return undefined;
      const found = find(image);
      if (found !== undefined) return found;
    }
  }

  /** Reads on as far as the image of this index; those who ask at the same time wait for one another. */
  async #readTo(index: number): Promise<EarlierImage | undefined> {
    const turn = this.#reading.then(async () => {
      while (this.#read.length <= index) {
        const next = await this.#images.next();
        if (next.done === true) return;
        this.#read.push(next.value);
      }
    });
    this.#reading = turn.catch(() => undefined);
    await turn;
    return this.#read[index];
  }
}

async function* earlierImages(
  own: Repository,
  others: readonly Repository[],
  tags: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<EarlierImage> {
  let any = false;
  for (const tag of tags) {
    for (const image of await imagesOf(own, tag, signal)) {
      any = true;
      yield image;
    }
  }
  if (!any) yield* guessed(own, tags, signal);
  for (const other of others) yield* guessed(other, [], signal);
}

async function* guessed(
  repository: Repository,
  known: readonly string[],
  signal: AbortSignal,
): AsyncGenerator<EarlierImage> {
  const tags = await repository.tags(signal, MOST_TAGS).catch(nothingIfClosed);
  for (const tag of highestTags(tags.filter((tag) => !known.includes(tag))).slice(0, MOST_GUESSES)) {
    yield* await imagesOf(repository, tag, signal).catch(nothingIfClosed);
  }
}

/** Tags with the highest numbers first, which are those of the latest runs; `latest` before all. */
export function highestTags(tags: readonly string[]): readonly string[] {
  const { compare } = new Intl.Collator('en', { numeric: true });
  const images = tags.filter((tag) => !isCompanionTag(tag));
  return images.sort((a, b) => Number(b === 'latest') - Number(a === 'latest') || compare(b, a));
}

/** The image of a tag; none where it has none, one that is not of our making, or one that is damaged: it will be replaced. */
async function imagesOf(repository: Repository, tag: string, signal: AbortSignal): Promise<readonly EarlierImage[]> {
  const stored = await repository.manifest(tag, signal);
  if (stored === undefined) return [];
  try {
    const single = kindOf(stored.mediaType)?.isIndex === true ? await firstOf(repository, stored, signal) : stored;
    return single === undefined ? [] : [await readImage(repository, single, signal)];
  } catch (error) {
    if (error instanceof DocumentError || isDamage(error)) return [];
    throw error;
  }
}

/** Whether a registry that gave an image's manifest has lost what that names, or has other bytes in its place. */
function isDamage(error: unknown): boolean {
  const codes = ['REGISTRY_REFUSED', 'REGISTRY_FAILED', 'MANIFEST_DIGEST_MISMATCH'];
  return error instanceof DeliveryError && codes.includes(error.code);
}

/** The first image of an index: what we add is the same on all of them. */
async function firstOf(
  repository: Repository,
  { bytes }: StoredManifest,
  signal: AbortSignal,
): Promise<StoredManifest | undefined> {
  const [first] = parseIndex(bytes).manifests;
  return first && repository.manifest(first.digest, signal);
}

async function readImage(
  repository: Repository,
  { bytes }: StoredManifest,
  signal: AbortSignal,
): Promise<EarlierImage> {
  const manifest = parseManifest(bytes);
  const { config, rootfs } = parseConfig(await repository.document(manifest.config.digest, signal));
  const layers = manifest.layers.flatMap(({ digest, size, mediaType }, index): EarlierLayer[] => {
    const diffId = rootfs.diff_ids[index];
    const compression = compressionOf(mediaType);
    return diffId === undefined ? [] : [{ digest, size, diffId, compression, repository: repository.name.repository }];
  });
  return { labels: config?.Labels ?? {}, layers };
}

/** Looking around is worth no failure: what cannot be read is not there. */
function nothingIfClosed(error: unknown): readonly never[] {
  if (error instanceof DeliveryError) return [];
  throw error;
}
