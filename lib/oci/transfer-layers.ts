import type { BlobSource } from './blob-source.ts';
import { uploadBlob } from './blob-upload.ts';
import { inParallel } from './in-parallel.ts';
import type { Repository } from './repository.ts';

/** A layer that the target repository must have. */
export interface WantedLayer {
  /** `base`, or the group it was added with. */
  readonly group: string;
  /** Its digest, where it is known beforehand. */
  readonly digest: string | undefined;
  /** The digest is only what an earlier image says: good to find the layer, not to judge its bytes. */
  readonly hint?: boolean;
  /** A repository of the same registry that has it, or may have it. */
  readonly mountFrom?: string | undefined;
  /** Its bytes, with their size. */
  readonly source: BlobSource;
  /** No registry holds its bytes; engines fetch them from the addresses in the manifest. */
  readonly foreign?: boolean;
}

/** What became of a layer. */
export interface LayerFate {
  readonly group: string;
  readonly name: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  /** `reused`: the repository had it; `mounted`: taken over from another repository; `sent`: it went over the wire. */
  readonly fate: 'reused' | 'mounted' | 'sent';
}

/** How far the sending is, in bytes. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** Enough to fill the wire beside hashing; each holds a few MiB. */
const AT_ONCE = 4;
const QUESTIONS_AT_ONCE = 8;

/** Brings layers into a repository, in their order of size, sending only those it lacks. */
export async function transferLayers(
  wanted: readonly WantedLayer[],
  {
    target,
    onProgress,
    signal,
  }: { readonly target: Repository; readonly onProgress: (progress: Progress) => void; readonly signal: AbortSignal },
): Promise<{ readonly fates: readonly LayerFate[]; readonly bytesSent: number }> {
  const present = await inParallel(wanted, { limit: QUESTIONS_AT_ONCE, signal }, (layer, stop) =>
    layer.foreign === true ? Promise.resolve(true) : isThere(target, layer, stop),
  );
  const missing = wanted.filter((_, index) => present[index] === false);
  const total = missing.reduce((sum, { source }) => sum + source.size, 0);
  let bytesSent = 0;
  const onSent = (bytes: number): void => {
    bytesSent += bytes;
    onProgress({ done: Math.min(bytesSent, total), total });
  };
  // The largest first: it would otherwise be left to finish alone.
  const order = [...missing].sort((a, b) => b.source.size - a.source.size);
  const sent = new Map(
    await inParallel(order, { limit: AT_ONCE, signal }, async (layer, stop): Promise<[WantedLayer, LayerFate]> => [
      layer,
      await send(target, layer, onSent, stop),
    ]),
  );
  const fates = wanted.map((layer) => sent.get(layer) ?? fateOf(layer, layer.digest ?? '', 'reused'));
  return { fates, bytesSent };
}

async function isThere(target: Repository, { digest }: WantedLayer, signal: AbortSignal): Promise<boolean> {
  return digest !== undefined && target.hasBlob(digest, signal);
}

async function send(
  target: Repository,
  layer: WantedLayer,
  onSent: (bytes: number) => void,
  signal: AbortSignal,
): Promise<LayerFate> {
  const { source, digest, hint = false, mountFrom } = layer;
  const uploaded = await uploadBlob(target.client, {
    repository: target.name.repository,
    source,
    digest: hint ? undefined : digest,
    mountFrom,
    onSent,
    signal,
  });
  return fateOf(layer, uploaded.digest, uploaded.mounted ? 'mounted' : 'sent');
}

function fateOf({ group, source }: WantedLayer, digest: string, fate: LayerFate['fate']): LayerFate {
  return { group, name: source.name, digest, size: source.size, fate };
}
