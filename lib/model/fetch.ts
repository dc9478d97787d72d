import { join } from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { DeliveryError } from '../errors/delivery-error.ts';
import type { ContentCache } from './content-cache.ts';
import { Destination } from './destination.ts';
import { lineageOf, type RecordedModel } from './destination-record.ts';
import { download, type Download, type Origins } from './download.ts';
import type { ModelSource } from './manifest.ts';
import { type DigestedFile, modelDigest, totalSize } from './model-digest.ts';
import { PIECE } from './piece-memory.ts';
import type { Reporter } from './progress.ts';
import { checkRequirements, type Requirements } from './requirements.ts';
import type { ModelFile, ResolvedModel } from './resolved-model.ts';
import type { ModelSelection } from './selection.ts';
import { Slots } from './slots.ts';
import type { Staging } from './staging.ts';
import type { ObjectStore } from './stores/object-store.ts';
import { withModel } from './with-model.ts';

/** Files that are copied into a cache at once. */
const KEPT_AT_ONCE = 8;

/** Ends of a fetch after which another one may go on with what is there; after all others something is wrong with that itself. */
const INTERRUPTIONS = ['CANCELLED', 'TIMED_OUT', 'STORE_UNREACHABLE', 'STORE_FAILED', 'STORE_UNAUTHORIZED'];

/** What a fetch may be given beside the model and its destination. */
export interface FetchOptions {
  /** Checked before a byte of the model is read. */
  readonly requirements?: Requirements | undefined;
  /** Where files are looked for before the store is asked, and kept for others. */
  readonly cache?: ContentCache | undefined;
}

/** A model that is on this machine now. */
export interface FetchedModel extends Origins {
  /** `unchanged`: the destination held this very content already, and nothing was downloaded. */
  readonly result: 'fetched' | 'unchanged';
  /** The destination folder, absolute. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  /** See {@link ResolvedModel}. */
  readonly created: Date;
  readonly digest: string;
  readonly uri: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly source: ModelSource;
  readonly files: readonly DigestedFile[];
  /** What should be known of this version, a sentence each. */
  readonly warnings: readonly string[];
}

/**
 * Puts a model's files into a folder, which holds afterwards exactly the model, or what it held before. Where what is wanted goes
 * or changes meanwhile, it begins anew: see {@link withModel}.
 *
 * What an interrupted fetch leaves is a hidden folder beside the destination, with which the next fetch of the same content goes on.
 *
 * @param folder the destination; its parents are made
 * @throws DeliveryError `REQUIREMENTS_UNMET`, `DIGEST_MISMATCH`, `BLOB_CHANGED`, `DISK_FULL`, `DESTINATION_NOT_OURS`, `DESTINATION_INVALID`,
 *   `DESTINATION_NOT_WRITABLE`, `DESTINATION_BUSY`, those of {@link withModel} and those of {@link ObjectStore}
 */
export async function fetchModel(
  store: ObjectStore,
  selection: ModelSelection,
  folder: string,
  reporter: Reporter,
  signal: AbortSignal,
  options: FetchOptions = {},
): Promise<FetchedModel> {
  const destination = await Destination.at(folder);
  return withModel(store, selection, { reporter, signal }, (model) =>
    fetchResolved(model, destination, { ...options, reporter, signal }),
  );
}

/** What a fetch works with. */
interface Work extends FetchOptions {
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

async function fetchResolved(model: ResolvedModel, destination: Destination, work: Work): Promise<FetchedModel> {
  const { requirements, reporter, signal } = work;
  for (const note of model.notes) reporter.note(note);
  const unmet = requirements === undefined ? [] : checkRequirements(model, requirements, new Date());
  const bringOrFind = async (): Promise<FetchedModel> => {
    // What this fetch had to wait for may have been a fetch of the same.
    const held = await destination.holds(model);
    if (held === undefined) return bring(model, destination, work);
    await destination.relabel(held, model);
    return unchanged(held, model, destination);
  };
  const held = await destination.holds(model);
  const isKnownAs = isDeepStrictEqual(held?.lineage, lineageOf(model));
  const fetched =
    held !== undefined && isKnownAs
      ? unchanged(held, model, destination)
      : await destination.alone(bringOrFind, reporter, signal);
  return { ...fetched, warnings: [...model.warnings, ...unmet] };
}

/** The model, where the destination holds it already. */
function unchanged(held: RecordedModel, model: ResolvedModel, destination: Destination): FetchedModel {
  const files = held.files.map(({ path, size, sha256 }) => ({ path, size, sha256 }));
  const digest = modelDigest(files);
  return { ...factsOf(model, destination), result: 'unchanged', digest, files, downloaded: 0, resumed: 0, cached: 0 };
}

async function bring(model: ResolvedModel, destination: Destination, work: Work): Promise<FetchedModel> {
  const { reporter, signal } = work;
  const cache = usable(work.cache, model, reporter);
  const staging = await destination.stage(model);
  if (staging.left > 0) reporter.note(`An earlier fetch was interrupted; ${staging.left} bytes are here already.`);
  let brought: Download;
  try {
    brought = await download(model.files, { staging, cache }, reporter, signal);
    signal.throwIfAborted();
    await destination.replaceBy(staging, model, brought.files);
  } catch (error) {
    // What another one has taken over is no more ours to remove.
    if (await destination.isAlone()) await leave(staging, error, reporter);
    else await staging.close();
    throw error;
  }
  await staging.discard();
  if (cache !== undefined) await keep(cache, model.files, brought.files, destination, signal);
  return { ...factsOf(model, destination), result: 'fetched', ...brought };
}

/** Lets the cache have the files. Only once they are in their place: a copy takes room that they might have needed themselves. */
async function keep(
  cache: ContentCache,
  files: readonly ModelFile[],
  digested: readonly DigestedFile[],
  { path: folder }: Destination,
  signal: AbortSignal,
): Promise<void> {
  const digests = new Map(digested.map(({ path, sha256 }) => [path, sha256]));
  const slots = new Slots(KEPT_AT_ONCE);
  await Promise.allSettled(
    files.map((file) =>
      slots.run(async () => {
        const sha256 = digests.get(file.path);
        if (sha256 !== undefined) await cache.keep(file, sha256, join(folder, file.path), signal);
      }),
    ),
  );
  signal.throwIfAborted();
  await cache.trim(new Set(digests.values()));
}

/** The cache, unless this model alone is larger than all that it may hold. */
function usable(
  cache: ContentCache | undefined,
  { files, name }: ResolvedModel,
  reporter: Reporter,
): ContentCache | undefined {
  const size = totalSize(files);
  if (cache === undefined || cache.fits(size)) return cache;
  reporter.note(`${name} has ${size} bytes, more than the cache may hold; fetching without it.`);
  return undefined;
}

/** Keeps for another fetch what is worth it. */
async function leave(staging: Staging, error: unknown, reporter: Reporter): Promise<void> {
  const interrupted = error instanceof DeliveryError && INTERRUPTIONS.includes(error.code);
  if (!interrupted || staging.written < PIECE) {
    await staging.discard();
    return;
  }
  await staging.close();
  reporter.note(`${staging.written} bytes are kept in ${staging.path}; the next fetch of the same goes on with them.`);
}

function factsOf(
  { name, version, created, uri, properties, source, warnings }: ResolvedModel,
  { path }: Destination,
): Pick<FetchedModel, 'path' | 'name' | 'version' | 'created' | 'uri' | 'properties' | 'source' | 'warnings'> {
  return { path, name, version, created, uri, properties, source, warnings };
}
