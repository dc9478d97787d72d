import type { LayerIdentity } from '../packing/layer-digest.ts';
import { kindOf } from './media-types.ts';
import { DocumentError, parseConfig, parseIndex, parseManifest } from './parse-documents.ts';
import type { Repository, StoredManifest } from './repository.ts';

/** How images name the content of some of their layers. */
export interface ContentLabels {
  /** Labels that, all equal, mean the same content. */
  readonly labels: Readonly<Record<string, string>>;
  /** The label that lists the digests of that content's layers, in order, with commas between them. */
  readonly layersLabel: string;
}

/**
 * The layers of some content, found on an image that the repository has under one of these tags and that says by its
 * labels that it holds the same content; undefined where there is none. Only a hint: whoever uses it looks whether the layers
 * are there.
 */
export async function layersOfPreviousImage(
  repository: Repository,
  tags: readonly string[],
  content: ContentLabels,
  signal: AbortSignal,
): Promise<readonly LayerIdentity[] | undefined> {
  for (const tag of tags) {
    const stored = await repository.manifest(tag, signal);
    const found = stored && (await layersOf(repository, stored, content, signal));
    if (found !== undefined) return found;
  }
  return undefined;
}

async function layersOf(
  repository: Repository,
  stored: StoredManifest,
  { labels, layersLabel }: ContentLabels,
  signal: AbortSignal,
): Promise<readonly LayerIdentity[] | undefined> {
  try {
    const single = kindOf(stored.mediaType)?.isIndex === true ? await firstOf(repository, stored, signal) : stored;
    if (single === undefined) return undefined;
    const manifest = parseManifest(single.bytes);
    const config = parseConfig(await repository.document(manifest.config.digest, signal));
    const there = config.config?.Labels ?? {};
    if (Object.entries(labels).some(([name, value]) => there[name] !== value)) return undefined;
    const digests = there[layersLabel]?.split(',') ?? [];
    const layers = digests.map((digest) => manifest.layers.find((layer) => layer.digest === digest));
    return layers.some((layer) => layer === undefined) ? undefined : layers.flatMap((layer) => layer ?? []);
  } catch (error) {
    // Whatever stands under that tag, it is not of ours.
    if (error instanceof DocumentError) return undefined;
    throw error;
  }
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
