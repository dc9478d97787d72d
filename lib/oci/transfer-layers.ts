import { DeliveryError } from '../errors/delivery-error.ts';
import type { Compression } from '../packing/compression.ts';
import type { LayerIdentity } from '../packing/layer-digest.ts';
import type { BlobSource } from './blob-source.ts';
import { uploadBlob } from './blob-upload.ts';
import { inParallel } from './in-parallel.ts';
import { Repository } from './repository.ts';

/** A layer that the target repository must have. */
export interface WantedLayer {
  /** `base`, or the group it was added with. */
  readonly group: string;
  /** What a registry keeps it as, where that is known beforehand. */
  readonly known: LayerIdentity | undefined;
  /** That is only what an earlier image says: good to find the layer, not to judge its bytes. */
  readonly hint?: boolean;
  readonly compression: Compression;
  /** Digest of the uncompressed layer, as soon as it is known: at the latest when the layer has been sent. */
  readonly diffId: () => string | undefined;
  /** Size in bytes before compression, or as it is kept, where only that is known: what progress goes by. */
  readonly volume: number;
  /** Repositories of the same registry that may have it. */
  readonly mountFrom: readonly string[];
  readonly source: BlobSource;
  /** No registry holds its bytes; engines fetch them from the addresses in the manifest. */
  readonly foreign?: boolean;
}

/** What became of a layer. */
export interface LayerFate {
  readonly group: string;
  readonly name: string;
  readonly digest: string;
  /** Digest of the uncompressed layer. */
  readonly diffId: string;
  readonly compression: Compression;
  /** As the registry keeps it, in bytes. */
  readonly size: number;
  /** `reused`: the repository had it; `mounted`: taken over from another repository; `sent`: it went over the wire; `written`: into files. */
  readonly fate: 'reused' | 'mounted' | 'sent' | 'written';
}

/** How far the sending is, in bytes. */
export interface Progress {
  readonly done: number;
  readonly total: number;
}

/** What transfers need from outside. */
export interface TransferContext {
  readonly target: Repository;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
  /** Send everything, whatever the registry says that it has. */
  readonly afresh: boolean;
}

/** Enough to fill the wire beside hashing; each holds a few MiB. */
const AT_ONCE = 4;
const QUESTIONS_AT_ONCE = 8;

/** Brings layers into a repository, in their order of size, sending only those it lacks. */
export async function transferLayers(
  wanted: readonly WantedLayer[],
  { target, onProgress, signal, afresh }: TransferContext,
): Promise<{ readonly fates: readonly LayerFate[]; readonly bytesSent: number }> {
  const present = await inParallel(wanted, { limit: QUESTIONS_AT_ONCE, signal }, (layer, stop) =>
    layer.foreign === true || afresh ? Promise.resolve(layer.foreign === true) : isThere(target, layer, stop),
  );
  const missing = wanted.filter((_, index) => present[index] === false);
  const sending = new Sending(missing, onProgress);
  // The largest first: it would otherwise be left to finish alone.
  const order = [...missing].sort((a, b) => b.volume - a.volume);
  const sent = new Map(
    await inParallel(order, { limit: AT_ONCE, signal }, async (layer, stop): Promise<[WantedLayer, LayerFate]> => {
      const fate = await send({ target, afresh, signal: stop }, layer, sending);
      sending.reach(layer, layer.volume);
      return [layer, fate];
    }),
  );
  const fates = wanted.map((layer) => sent.get(layer) ?? fateOf(layer, layer.known, 'reused'));
  return { fates, bytesSent: sending.bytes };
}

/** Counts what goes out, and how far that is: by bytes before compression, as nobody knows what is left of them after it. */
class Sending {
  readonly #onProgress: (progress: Progress) => void;
  readonly #total: number;
  readonly #done = new Map<WantedLayer, number>();
  #bytes = 0;

  constructor(missing: readonly WantedLayer[], onProgress: (progress: Progress) => void) {
    this.#onProgress = onProgress;
    this.#total = missing.reduce((sum, { volume }) => sum + volume, 0);
  }

  /** All bytes that went over the wire. */
  get bytes(): number {
    return this.#bytes;
  }

  sent(layer: WantedLayer, bytes: number): void {
    this.#bytes += bytes;
    if (layer.source.size !== undefined) this.reach(layer, (this.#done.get(layer) ?? 0) + bytes);
  }

  /** Up to a position of what it is made from, a layer is through. What is sent or read again is no progress. */
  reach(layer: WantedLayer, position: number): void {
    this.#done.set(layer, Math.min(layer.volume, Math.max(position, this.#done.get(layer) ?? 0)));
    const done = [...this.#done.values()].reduce((sum, one) => sum + one, 0);
    this.#onProgress({ done, total: this.#total });
  }
}

async function isThere(target: Repository, { known }: WantedLayer, signal: AbortSignal): Promise<boolean> {
  return known !== undefined && target.hasBlob(known.digest, signal, known.size);
}

async function send(
  { target, afresh, signal }: Pick<TransferContext, 'target' | 'afresh' | 'signal'>,
  layer: WantedLayer,
  sending: Sending,
): Promise<LayerFate> {
  const { source, known, hint = false } = layer;
  const mountable = afresh ? undefined : known;
  const uploaded = await uploadBlob(target.client, {
    repository: target.name.repository,
    source,
    digest: hint ? undefined : known?.digest,
    mount: mountable,
    mountFrom: mountable && (await holderOf(target, mountable, layer.mountFrom, signal)),
    onSent: (bytes) => sending.sent(layer, bytes),
    onRead: (position) => sending.reach(layer, position),
    signal,
  });
  return fateOf(layer, uploaded, uploaded.mounted ? 'mounted' : 'sent');
}

/** The first of some repositories that has a blob. One that is missing or closed to us is only passed over. */
async function holderOf(
  { client, name }: Repository,
  { digest, size }: LayerIdentity,
  repositories: readonly string[],
  signal: AbortSignal,
): Promise<string | undefined> {
  for (const repository of repositories) {
    const other = new Repository(client, { ...name, repository }, 'pull');
    const holds = await other.hasBlob(digest, signal, size).catch((error: unknown) => {
      if (error instanceof DeliveryError && isClosed(error)) return false;
      throw error;
    });
    if (holds) return repository;
  }
  return undefined;
}

function isClosed({ code }: DeliveryError): boolean {
  return ['REGISTRY_UNAUTHORIZED', 'REGISTRY_FORBIDDEN', 'REPOSITORY_NOT_FOUND', 'REGISTRY_REFUSED'].includes(code);
}

/** What becomes of a layer of which all is known by now. */
export function fateOf(layer: WantedLayer, kept: LayerIdentity | undefined, fate: LayerFate['fate']): LayerFate {
  const { group, source, compression } = layer;
  const diffId = layer.diffId() ?? (compression === 'none' ? kept?.digest : undefined);
  if (kept === undefined || diffId === undefined) throw new RangeError(`${source.name} is not known yet`);
  return { group, name: source.name, digest: kept.digest, diffId, compression, size: kept.size, fate };
}
