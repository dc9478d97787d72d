import { DeliveryError } from '../errors/delivery-error.ts';
import { Destination } from './destination.ts';
import { download, type Origins } from './download.ts';
import type { ModelSource } from './manifest.ts';
import { type DigestedFile, modelDigest } from './model-digest.ts';
import { PIECE } from './piece-memory.ts';
import type { Reporter } from './progress.ts';
import { resolveModel } from './resolve.ts';
import type { ResolvedModel } from './resolved-model.ts';
import type { ModelSelection } from './selection.ts';
import type { Staging } from './staging.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** A container that changes more often than this during a fetch is not at rest. */
const SNAPSHOTS = 5;

/** Ends of a fetch after which another one may go on with what is there; after all others something is wrong with that itself. */
const INTERRUPTIONS = ['CANCELLED', 'TIMED_OUT', 'STORE_UNREACHABLE', 'STORE_FAILED', 'STORE_UNAUTHORIZED'];

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
 * Puts a model's files into a folder, which holds afterwards exactly the model, or what it held before. A blob of a plain container
 * that changes meanwhile makes it begin anew, with a new listing.
 *
 * @param folder the destination; its parents are made
 * @throws DeliveryError `DIGEST_MISMATCH`, `BLOB_CHANGED`, `DISK_FULL`, `DESTINATION_NOT_OURS`, `DESTINATION_INVALID`,
 *   `DESTINATION_NOT_WRITABLE`, `DESTINATION_BUSY`, those of {@link resolveModel} and those of {@link ObjectStore}
 */
export async function fetchModel(
  store: ObjectStore,
  selection: ModelSelection,
  folder: string,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<FetchedModel> {
  const destination = await Destination.at(folder);
  for (let snapshot = 1; ; snapshot++) {
    const model = await resolveModel(store, selection, signal);
    try {
      return await fetchResolved(model, destination, reporter, signal);
    } catch (error) {
      if (!changedMeanwhile(error, selection) || snapshot === SNAPSHOTS) throw error;
      reporter.note(`${(error as Error).message} Listing again.`);
    }
  }
}

/** Blobs of a plain container may be overwritten or deleted at any time; versions never change. */
function changedMeanwhile(error: unknown, { layout }: ModelSelection): boolean {
  return (
    layout === 'plain' && error instanceof DeliveryError && ['BLOB_CHANGED', 'BLOB_NOT_FOUND'].includes(error.code)
  );
}

async function fetchResolved(
  model: ResolvedModel,
  destination: Destination,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<FetchedModel> {
  for (const note of model.notes) reporter.note(note);
  return (
    (await held(model, destination)) ??
    destination.alone(
      // What this fetch had to wait for may have been a fetch of the same.
      async () => (await held(model, destination)) ?? bring(model, destination, reporter, signal),
      reporter,
      signal,
    )
  );
}

/** The model, where the destination holds it already. */
async function held(model: ResolvedModel, destination: Destination): Promise<FetchedModel | undefined> {
  const files = await destination.holds(model);
  if (files === undefined) return undefined;
  const digest = modelDigest(files);
  return { ...factsOf(model, destination), result: 'unchanged', digest, files, downloaded: 0, resumed: 0 };
}

async function bring(
  model: ResolvedModel,
  destination: Destination,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<FetchedModel> {
  const staging = await destination.stage(model);
  if (staging.left > 0) reporter.note(`An earlier fetch was interrupted; ${staging.left} bytes are here already.`);
  try {
    const brought = await download(model.files, staging, reporter, signal);
    signal.throwIfAborted();
    await destination.replaceBy(staging, model, brought.files);
    await staging.discard();
    return { ...factsOf(model, destination), result: 'fetched', ...brought };
  } catch (error) {
    await leave(staging, error);
    throw error;
  }
}

/** Keeps for another fetch what is worth it. */
async function leave(staging: Staging, error: unknown): Promise<void> {
  const interrupted = error instanceof DeliveryError && INTERRUPTIONS.includes(error.code);
  if (interrupted && staging.written >= PIECE) await staging.close();
  else await staging.discard();
}

function factsOf(
  { name, version, created, uri, properties, source, warnings }: ResolvedModel,
  { path }: Destination,
): Pick<FetchedModel, 'path' | 'name' | 'version' | 'created' | 'uri' | 'properties' | 'source' | 'warnings'> {
  return { path, name, version, created, uri, properties, source, warnings };
}
