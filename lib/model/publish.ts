import { createHash, randomBytes } from 'node:crypto';
import { DeliveryError } from '../errors/delivery-error.ts';
import { PACKING_FORMAT } from '../packing/layer.ts';
import { LayerDigest } from '../packing/layer-digest.ts';
import { planLayers } from '../packing/layer-plan.ts';
import { type ChannelMove, moveChannel } from './channel.ts';
import { checkFilePaths } from './file-path.ts';
import { ManagedLayout } from './layout.ts';
import { type Manifest, type ModelSource, type PackedLayer, writeManifest } from './manifest.ts';
import { type DigestedFile, inPathOrder, modelDigest, totalSize } from './model-digest.ts';
import { checkName } from './names.ts';
import { ProgressSum, type Reporter } from './progress.ts';
import { findVersion } from './find-version.ts';
import { Slots } from './slots.ts';
import { readPieces, type SourceFile, sourceFiles } from './source-files.ts';
import type { ObjectStore } from './stores/object-store.ts';
import { Uploader } from './uploader.ts';

/** The folder of an image for which layers are computed; images that put the model elsewhere compute their own. */
export const PACKED_FOLDER = '/model';

/** After a cancellation the agent waits about this long before it kills, in milliseconds. */
const CLEANUP_LIMIT = 4_000;

const REMOVALS_AT_ONCE = 16;
/** Longest that the last request may take with all its retries, in milliseconds. */
const SEAL_LIMIT = 60_000;

/** What to publish, and as what. */
export interface Publication {
  /** A file or folder of this machine. */
  readonly path: string;
  readonly prefix: string;
  readonly model: string;
  readonly version: string;
  /** Channel to point at the version; undefined: none. */
  readonly channel: string | undefined;
  readonly properties: Readonly<Record<string, string>>;
  readonly source: ModelSource;
}

/** What has become of it. */
export interface Published {
  /** `unchanged`: the version was there already, with the same content. */
  readonly result: 'published' | 'unchanged';
  readonly manifest: Manifest;
  readonly uri: string;
  /** What was done to the channel; undefined where none was given. */
  readonly channel: ChannelMove | undefined;
}

interface Target {
  readonly store: ObjectStore;
  readonly layout: ManagedLayout;
}

/** What one reading of all files tells. */
interface Content {
  readonly files: readonly DigestedFile[];
  readonly layers: readonly PackedLayer[];
}

/**
 * Publishes a version of a model: its files, then `model.json`, which makes them a version, then the channel. Whatever
 * stops it before `model.json` is written, there is no version, and what was sent is removed again.
 *
 * @throws DeliveryError `VERSION_EXISTS` (with other content), `MODEL_EMPTY`, `PATH_UNSAFE`, `NAME_INVALID`,
 *   `SOURCE_NOT_FOUND`, `SOURCE_UNREADABLE`, `SOURCE_CHANGED`, `CHANNEL_BUSY`, `MANIFEST_INVALID`, and those of {@link ObjectStore}
 */
export async function publishModel(
  store: ObjectStore,
  publication: Publication,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Published> {
  const target: Target = { store, layout: new ManagedLayout(publication.prefix) };
  const { model, version, channel } = publication;
  if (channel !== undefined) checkName('channel', channel);
  const existing = await findVersion(store, target.layout, publication, signal);
  const files = await filesOf(publication);
  const { result, manifest } =
    existing === undefined
      ? await publishFiles(target, publication, files, reporter, signal)
      : { result: 'unchanged' as const, manifest: await compare(existing, target, files, reporter, signal) };
  const uri = store.uriOf(target.layout.version(model, version));
  reporter.note(result === 'published' ? `${uri} is published.` : `${uri} is there already, with the same content.`);
  const { digest } = manifest;
  return {
    ...{ result, manifest, uri },
    channel: channel === undefined ? undefined : await moveChannel(target, { model, channel, version, digest }, signal),
  };
}

async function filesOf({ path }: Publication): Promise<readonly SourceFile[]> {
  const files = await sourceFiles(path);
  if (totalSize(files) === 0) {
    throw new DeliveryError('MODEL_EMPTY', {
      message: `${path} holds no model: ${files.length === 0 ? 'there are no files in it' : 'its files have 0 bytes'}.`,
      remedy: 'Check source, and the step that writes the model.',
    });
  }
  checkFilePaths(files.map((file) => file.path));
  return files;
}

/** The version is there: fine if it holds the same files. */
async function compare(
  existing: Manifest,
  { store, layout }: Target,
  files: readonly SourceFile[],
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Manifest> {
  const sum = new ProgressSum(totalSize(files), reporter);
  const content = await readContent(
    files,
    async (_file, pieces) => {
      for await (const piece of pieces) sum.add(piece.length);
    },
    signal,
  );
  if (modelDigest(content.files) === existing.digest) return existing;
  throw versionExists(store.uriOf(layout.version(existing.name, existing.version)), existing);
}

async function publishFiles(
  target: Target,
  publication: Publication,
  files: readonly SourceFile[],
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Pick<Published, 'result' | 'manifest'>> {
  const { store, layout } = target;
  const { model, version, properties, source } = publication;
  const folder = `files/${randomBytes(4).toString('hex')}`;
  const sum = new ProgressSum(totalSize(files), reporter);
  const uploader = new Uploader(store, (bytes) => sum.add(bytes), signal);
  let content: Content;
  try {
    content = await readContent(
      files,
      ({ path, size }, pieces) => uploader.send(layout.file(model, version, folder, path), size, pieces),
      signal,
    );
    await uploader.finish();
  } catch (error) {
    await uploader.stop();
    await discard(store, uploader.names);
    throw error;
  }
  const manifest: Manifest = {
    ...{ name: model, version, created: new Date(), digest: modelDigest(content.files), folder, properties, source },
    files: content.files,
    packed: { format: PACKING_FORMAT, folder: PACKED_FOLDER, layers: content.layers },
  };
  return sealVersion(target, manifest, uploader.names);
}

/** Reads every file once, in the order in which layers hold them, and hands its pieces on while all digests are made. */
async function readContent(
  files: readonly SourceFile[],
  take: (file: SourceFile, pieces: AsyncIterable<Buffer>) => Promise<void>,
  signal: AbortSignal,
): Promise<Content> {
  const digested: DigestedFile[] = [];
  const layers: PackedLayer[] = [];
  for (const layer of planLayers(files, PACKED_FOLDER)) {
    const layerDigest = new LayerDigest(layer);
    for (const file of layer.files) {
      const hash = createHash('sha256');
      await take(file, hashed(readPieces(file, signal), [hash, layerDigest]));
      digested.push({ path: file.path, size: file.size, sha256: hash.digest('hex') });
    }
    layers.push(layerDigest.finish());
  }
  return { files: inPathOrder(digested), layers };
}

async function* hashed(
  pieces: AsyncIterable<Buffer>,
  digests: readonly { update(bytes: Uint8Array): unknown }[],
): AsyncGenerator<Buffer> {
  for await (const piece of pieces) {
    for (const digest of digests) digest.update(piece);
    yield piece;
  }
}

/**
 * Writes `model.json` and with it makes the files a version. A cancellation does not stop this one short request: half
 * way through, nobody could tell whether there is a version or not.
 */
async function sealVersion(
  { store, layout }: Target,
  manifest: Manifest,
  uploaded: readonly string[],
): Promise<Pick<Published, 'result' | 'manifest'>> {
  const { name: model, version } = manifest;
  const signal = AbortSignal.timeout(SEAL_LIMIT);
  const bytes = Buffer.from(writeManifest(manifest));
  if (await store.write(layout.manifest(model, version), bytes, 'absent', signal))
    return { result: 'published', manifest };
  const there = await findVersion(store, layout, { model, version }, signal);
  // Its folder is this attempt's own: the manifest was written, only the answer got lost.
  if (there?.folder === manifest.folder) return { result: 'published', manifest };
  await discard(store, uploaded);
  if (there?.digest === manifest.digest) return { result: 'unchanged', manifest: there };
  throw versionExists(store.uriOf(layout.version(model, version)), there);
}

/** Removes what belongs to no version, as far as there is time; what stays is never read by anyone. */
async function discard(store: ObjectStore, names: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(CLEANUP_LIMIT);
  const slots = new Slots(REMOVALS_AT_ONCE);
  await Promise.allSettled(names.map((name) => slots.run(() => store.remove(name, signal))));
}

function versionExists(uri: string, there: Manifest | undefined): DeliveryError {
  const run = there?.source.run === undefined ? '' : ` by ${there.source.run}`;
  return new DeliveryError('VERSION_EXISTS', {
    message: `${uri} was published before${run}, with other content.`,
    remedy: 'A version never changes: publish under another version.',
  });
}
