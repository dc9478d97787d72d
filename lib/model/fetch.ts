import { createHash } from 'node:crypto';
import { open } from 'node:fs/promises';
import { DeliveryError } from '../errors/delivery-error.ts';
import { Destination, type Staging } from './destination.ts';
import type { ModelSource } from './manifest.ts';
import { type DigestedFile, modelDigest, totalSize } from './model-digest.ts';
import { ProgressSum, type Reporter } from './progress.ts';
import { ReusedMemory } from './piece-memory.ts';
import { readAhead } from './read-ahead.ts';
import { resolveModel } from './resolve.ts';
import type { ModelFile, ResolvedModel } from './resolved-model.ts';
import type { ModelSelection } from './selection.ts';
import { Slots } from './slots.ts';
import { checkDigest } from './stored-file.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** Pieces in memory at once, of all files together: 96 MiB. */
const IN_FLIGHT = 12;
/** Files open at once. */
const FILES_AT_ONCE = 16;
/** A container that changes more often than this during a fetch is not at rest. */
const SNAPSHOTS = 5;

/** A model that is on this machine now. */
export interface FetchedModel {
  /** `unchanged`: the destination held this very content already, and nothing was downloaded. */
  readonly result: 'fetched' | 'unchanged';
  /** The destination folder, absolute. */
  readonly path: string;
  readonly name: string;
  readonly version: string;
  readonly digest: string;
  readonly uri: string;
  readonly properties: Readonly<Record<string, string>>;
  readonly source: ModelSource;
  readonly files: readonly DigestedFile[];
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
  const destination = await Destination.examine(folder);
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
  const { name, version, uri, properties, source } = model;
  const facts = { path: destination.path, name, version, uri, properties, source };
  const held = await destination.holds(model);
  if (held !== undefined) return { ...facts, result: 'unchanged', digest: modelDigest(held), files: held };

  const staging = await destination.stage(totalSize(model.files));
  try {
    const files = await download(model.files, staging, reporter, signal);
    const digest = modelDigest(files);
    signal.throwIfAborted();
    await staging.takePlace(model, files);
    return { ...facts, result: 'fetched', digest, files };
  } catch (error) {
    await staging.discard();
    throw error;
  }
}

async function download(
  files: readonly ModelFile[],
  staging: Staging,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<readonly DigestedFile[]> {
  const stop = new AbortController();
  const inner = AbortSignal.any([signal, stop.signal]);
  const sum = new ProgressSum(totalSize(files), reporter);
  const [memory, opened] = [new ReusedMemory(IN_FLIGHT), new Slots(FILES_AT_ONCE)];
  const downloads = files.map((file) =>
    opened.run(async () => {
      inner.throwIfAborted();
      return downloadFile(file, staging, { memory, sum, signal: inner });
    }),
  );
  try {
    return await Promise.all(downloads);
  } catch (error) {
    // No write may come after the folder has been removed.
    stop.abort(error);
    await Promise.allSettled(downloads);
    throw error;
  }
}

async function downloadFile(
  file: ModelFile,
  staging: Staging,
  { memory, sum, signal }: { readonly memory: ReusedMemory; readonly sum: ProgressSum; readonly signal: AbortSignal },
): Promise<DigestedFile> {
  const { path, size } = file;
  const sha256 = createHash('sha256');
  const md5 = file.md5 === undefined ? undefined : createHash('md5');
  const handle = await open(await staging.place(path), 'wx');
  try {
    for await (const piece of readAhead(file.readRange, { offset: 0, size }, memory, signal)) {
      const written = handle.writeFile(piece);
      sha256.update(piece);
      md5?.update(piece);
      await written;
      sum.add(piece.length);
    }
    // A folder that is trusted by its files' sizes and times must have its bytes on the disk before it has its name.
    await handle.datasync();
  } catch (error) {
    throw staging.explain(error);
  } finally {
    await handle.close();
  }
  const digest = sha256.digest('hex');
  checkDigest(path, 'SHA-256', digest, file.sha256);
  if (md5 !== undefined) checkDigest(path, 'MD5', md5.digest('hex'), file.md5);
  return { path, size, sha256: digest };
}
