import { createHash } from 'node:crypto';
import { DeliveryError } from '../errors/delivery-error.ts';
import { checkFilePaths } from './file-path.ts';
import { ManagedLayout } from './layout.ts';
import { totalSize } from './model-digest.ts';
import { versionOfTime } from './names.ts';
import { ReusedMemory } from './piece-memory.ts';
import type { ModelFile, ResolvedModel } from './resolved-model.ts';
import type { ManagedSelection, ModelSelection, PlainSelection } from './selection.ts';
import { type SelectedObject, takeSnapshot } from './snapshot.ts';
import { storedFile } from './stored-file.ts';
import { wantedVersion } from './wanted-version.ts';
import type { ObjectStore } from './stores/object-store.ts';

/**
 * Pieces of a model's files in memory at once where their readers take one at a time: two for each of four files that go
 * into a registry side by side. With memory for each file alone, eight of 256 MiB took 276 MB.
 */
const PIECES_AT_ONCE = 8;

/**
 * Finds the model that a selection means, and checks that its files can be used. Reads no model byte.
 *
 * @throws DeliveryError `MODEL_EMPTY`, `PATH_UNSAFE`, and those of {@link wantedVersion}, of {@link takeSnapshot} and of
 *   {@link ObjectStore}
 */
export async function resolveModel(
  store: ObjectStore,
  selection: ModelSelection,
  signal: AbortSignal,
): Promise<ResolvedModel> {
  const model =
    selection.layout === 'managed'
      ? await resolveManaged(store, selection, signal)
      : await resolvePlain(store, selection, signal);
  checkFilePaths(model.files.map(({ path }) => path));
  // Whoever has published an empty version has said so (`allowEmpty`); an empty blob is the trace of a step that failed.
  if (selection.layout === 'plain' && totalSize(model.files) === 0) throw empty(model);
  return model;
}

async function resolveManaged(
  store: ObjectStore,
  { prefix, model, by }: ManagedSelection,
  signal: AbortSignal,
): Promise<ResolvedModel> {
  const layout = new ManagedLayout(prefix);
  const { manifest, notes, warnings } = await wantedVersion({ store, layout }, model, by, signal);
  const { version, created, folder, digest, properties, source, packed } = manifest;
  const shared = new ReusedMemory(PIECES_AT_ONCE);
  const files = manifest.files.map((file) => {
    const object = layout.file(model, version, folder, file.path);
    return storedFile(store, { ...file, object, etag: undefined, md5: undefined }, shared);
  });
  return {
    name: model,
    version,
    created,
    digest,
    fingerprint: digest,
    properties,
    source,
    files,
    packed,
    uri: store.uriOf(layout.version(model, version)),
    notes,
    warnings,
  };
}

async function resolvePlain(
  store: ObjectStore,
  selection: PlainSelection,
  signal: AbortSignal,
): Promise<ResolvedModel> {
  const { objects, version, folder } = await takeSnapshot(store, selection, signal);
  const shared = new ReusedMemory(PIECES_AT_ONCE);
  const files: readonly ModelFile[] = objects.map(({ name, path, size, etag, md5 }) =>
    storedFile(store, { path, size, object: name, etag, md5, sha256: undefined }, shared),
  );
  const newest = objects.map(({ modified }) => modified).reduce((a, b) => (a < b ? b : a));
  const [only] = objects.length === 1 ? objects : [];
  return {
    name: selection.model ?? store.container,
    version: version ?? versionOfTime(newest),
    created: newest,
    digest: undefined,
    fingerprint: fingerprintOf(store, objects),
    uri: store.uriOf(only?.name ?? folder ?? ''),
    properties: {},
    source: {},
    files,
    packed: undefined,
    notes: [],
    warnings: [],
  };
}

/** What a listing saw, in one value: another blob, or another state of one, gives another. */
function fingerprintOf(store: ObjectStore, objects: readonly SelectedObject[]): string {
  const hash = createHash('sha256').update(`${store.uriOf('')}\n`);
  for (const { path, name, etag, size } of objects) hash.update(`${JSON.stringify([path, name, etag, size])}\n`);
  return `etags:${hash.digest('hex')}`;
}

function empty({ name, version, uri }: ResolvedModel): DeliveryError {
  return new DeliveryError('MODEL_EMPTY', {
    message: `The model ${name} ${version} at ${uri} has no content: all its files have 0 bytes.`,
    remedy: 'Check the step that wrote it.',
  });
}
