import { createHash } from 'node:crypto';
import { DeliveryError } from '../errors/delivery-error.ts';
import { readChannel } from './channel.ts';
import { checkFilePaths } from './file-path.ts';
import { ManagedLayout } from './layout.ts';
import { type Manifest, readManifest } from './manifest.ts';
import { totalSize } from './model-digest.ts';
import { versionOfTime } from './names.ts';
import { nearestNames } from './nearest-names.ts';
import type { ModelFile, ResolvedModel } from './resolved-model.ts';
import type { ManagedSelection, ModelSelection, PlainSelection } from './selection.ts';
import { type SelectedObject, takeSnapshot } from './snapshot.ts';
import { storedFile } from './stored-file.ts';
import type { ObjectStore } from './stores/object-store.ts';

/**
 * Finds the model that a selection means, and checks that its files can be used. Reads no model byte.
 *
 * @throws DeliveryError `MODEL_NOT_FOUND`, `VERSION_NOT_FOUND`, `CHANNEL_NOT_FOUND`, `CHANNEL_DANGLING`,
 *   `MANIFEST_INVALID`, `BLOB_NOT_FOUND`, `MODEL_EMPTY`, `PATH_UNSAFE`, `NAME_INVALID`, and those of {@link ObjectStore}
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
  if (totalSize(model.files) === 0) throw empty(model);
  return model;
}

/** The manifest of a version, or undefined where there is no such version. */
export async function findVersion(
  store: ObjectStore,
  layout: ManagedLayout,
  { model, version }: { readonly model: string; readonly version: string },
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const name = layout.manifest(model, version);
  const found = await store.read(name, signal);
  if (found === undefined) return undefined;
  const manifest = readManifest(found.text, store.uriOf(name));
  if (manifest.name === model && manifest.version === version) return manifest;
  throw new DeliveryError('MANIFEST_INVALID', {
    message: `${store.uriOf(name)} describes ${manifest.name} ${manifest.version}.`,
    remedy: 'It was copied here from another version; publish this version again with PublishModel under another name.',
  });
}

async function resolveManaged(
  store: ObjectStore,
  { prefix, model, by }: ManagedSelection,
  signal: AbortSignal,
): Promise<ResolvedModel> {
  const layout = new ManagedLayout(prefix);
  const version = 'version' in by ? by.version : await versionOf(store, layout, model, by.channel, signal);
  const manifest = await findVersion(store, layout, { model, version }, signal);
  if (manifest === undefined) {
    throw 'channel' in by
      ? dangling(model, by.channel, version)
      : await notFound(store, layout, model, signal, { thing: 'version', name: version, at: layout.versions(model) });
  }
  const { folder, digest, properties, source, packed } = manifest;
  const files = manifest.files.map((file) => {
    const object = layout.file(model, version, folder, file.path);
    return storedFile(store, { ...file, object, etag: undefined, md5: undefined });
  });
  return {
    ...{ name: model, version, digest, fingerprint: digest, properties, source, files, packed },
    uri: store.uriOf(layout.version(model, version)),
  };
}

async function versionOf(
  store: ObjectStore,
  layout: ManagedLayout,
  model: string,
  channel: string,
  signal: AbortSignal,
): Promise<string> {
  const found = await readChannel(store, layout.channel(model, channel), signal);
  if (found !== undefined) return found.version;
  throw await notFound(store, layout, model, signal, { thing: 'channel', name: channel, at: layout.channels(model) });
}

async function resolvePlain(
  store: ObjectStore,
  selection: PlainSelection,
  signal: AbortSignal,
): Promise<ResolvedModel> {
  const objects = await takeSnapshot(store, selection, signal);
  const files: readonly ModelFile[] = objects.map(({ name, path, size, etag, md5 }) =>
    storedFile(store, { path, size, object: name, etag, md5, sha256: undefined }),
  );
  const newest = new Date(Math.max(...objects.map(({ modified }) => modified.getTime())));
  const [only] = objects.length === 1 ? objects : [];
  return {
    name: selection.model ?? store.container,
    version: versionOfTime(newest),
    digest: undefined,
    fingerprint: fingerprintOf(store, objects),
    uri: store.uriOf(only?.name ?? ''),
    properties: {},
    source: {},
    files,
    packed: undefined,
  };
}

/** What a listing saw, in one value: another blob, or another state of one, gives another. */
function fingerprintOf(store: ObjectStore, objects: readonly SelectedObject[]): string {
  const hash = createHash('sha256').update(`${store.uriOf('')}\n`);
  for (const { path, name, etag, size } of objects) hash.update(`${JSON.stringify([path, name, etag, size])}\n`);
  return `etags:${hash.digest('hex')}`;
}

/** Tells which of model, version or channel is missing, and what there is instead. */
async function notFound(
  store: ObjectStore,
  layout: ManagedLayout,
  model: string,
  signal: AbortSignal,
  missing: { readonly thing: 'version' | 'channel'; readonly name: string; readonly at: string },
): Promise<DeliveryError> {
  const models = await nearestNames(model, store.listFolders(layout.models, signal));
  if (!models.includes(model)) {
    return new DeliveryError('MODEL_NOT_FOUND', {
      message: `There is no model ${model} in ${store.uriOf(layout.models)}.`,
      remedy:
        models.length === 0
          ? 'No model is published there; check container and prefix.'
          : `There are: ${models.join(', ')}.`,
    });
  }
  const { thing, name, at } = missing;
  const names = thing === 'version' ? store.listFolders(at, signal) : channelNames(store, at, signal);
  const others = await nearestNames(name, names);
  return new DeliveryError(thing === 'version' ? 'VERSION_NOT_FOUND' : 'CHANNEL_NOT_FOUND', {
    message: `The model ${model} in the container ${store.container} has no ${thing} ${name}.`,
    remedy: others.length === 0 ? `It has no ${thing} at all yet.` : `It has: ${others.join(', ')}.`,
  });
}

async function* channelNames(store: ObjectStore, at: string, signal: AbortSignal): AsyncGenerator<string> {
  for await (const { name } of store.list(at, signal)) yield name.slice(at.length).replace(/\.json$/, '');
}

function dangling(model: string, channel: string, version: string): DeliveryError {
  return new DeliveryError('CHANNEL_DANGLING', {
    message: `The channel ${channel} of ${model} names the version ${version}, which is not there.`,
    remedy: 'The version was deleted; point the channel elsewhere by publishing, or fetch by version.',
  });
}

function empty({ name, version, uri }: ResolvedModel): DeliveryError {
  return new DeliveryError('MODEL_EMPTY', {
    message: `The model ${name} ${version} at ${uri} has no content: all its files have 0 bytes.`,
    remedy: 'Check the step that wrote it.',
  });
}
