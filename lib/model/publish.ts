import { DeliveryError } from '../errors/delivery-error.ts';
import { PACKING_FORMAT } from '../packing/layer.ts';
import { type Attempt, beginAttempt, freshAttempt, objectsOf } from './attempt.ts';
import { type ChannelMove, moveChannel } from './channel.ts';
import { type Deprecation, readDeprecation, removeDeprecation, versionDeprecated } from './deprecation.ts';
import { checkFilePaths } from './file-path.ts';
import { ManagedLayout } from './layout.ts';
import type { ManagedStore, VersionName } from './managed-store.ts';
import { type Manifest, type ModelSource, writeManifest } from './manifest.ts';
import { totalSize } from './model-digest.ts';
import { checkName } from './names.ts';
import { checkPickles, type PicklePolicy } from './pickle/gate.ts';
import type { PickleScan } from './pickle/scan.ts';
import { ReusedMemory } from './piece-memory.ts';
import { ProgressSum, type Reporter } from './progress.ts';
import { type Content, PACKED_FOLDER, readContent } from './read-content.ts';
import { findVersion } from './find-version.ts';
import { Slots } from './slots.ts';
import { type SourceFile, sourceFiles } from './source-files.ts';
import { NameTaken, Uploader } from './uploader.ts';
import type { ObjectStore } from './stores/object-store.ts';
import { STORE_LIMITS } from './stores/peer-limits.ts';
import { storeLimit } from './time-limit.ts';
import { type MadeVersion, nextVersion, versionOfDigest } from './version-choice.ts';

/** After a cancellation the agent waits about this long before it kills, in milliseconds. */
const CLEANUP_LIMIT = 4_000;
const REMOVALS_AT_ONCE = 16;
/** Longest that the last requests may take with all their retries, in milliseconds: ten silences of the store. */
const SEAL_LIMIT = 10 * STORE_LIMITS.idle;
/** Publishers that raise the same version wait for each other at most this often; each round, one of them gets it. */
const ROUNDS = 100;

/** What to publish, and as what. */
export interface Publication {
  /** A file, a folder or a pattern, absolute; see {@link sourceFiles}. */
  readonly path: string;
  /** See {@link sourceFiles}. */
  readonly root?: string;
  /** Patterns of files to leave out. */
  readonly exclude?: readonly string[];
  /** Files may all have 0 bytes, as those of a placeholder. */
  readonly allowEmpty?: boolean;
  readonly prefix: string;
  readonly model: string;
  /** Its name, or how it is made. */
  readonly version: string | MadeVersion;
  /** Channel to point at the version; undefined: none. */
  readonly channel: string | undefined;
  readonly properties: Readonly<Record<string, string>>;
  readonly source: ModelSource;
  /** What to do about pickles; undefined: do not look into them. */
  readonly pickles?: PicklePolicy | undefined;
}

/** What has become of it. */
export interface Published {
  /** `unchanged`: the version was there already, with the same content. */
  readonly result: 'published' | 'unchanged';
  readonly manifest: Manifest;
  readonly uri: string;
  /** Bytes that were in the store already, from an attempt that had failed. */
  readonly resumed: number;
  /** What was seen in pickles; undefined where nobody looked. */
  readonly scan: PickleScan | undefined;
  /** What was done to the channel; undefined where none was given. */
  readonly channel: ChannelMove | undefined;
}

type Outcome = Pick<Published, 'result' | 'manifest' | 'resumed'>;

/** All that an attempt to publish one version works on. */
interface Work {
  readonly managed: ManagedStore;
  readonly publication: Publication;
  readonly files: readonly SourceFile[];
  readonly version: VersionName;
  readonly reporter: Reporter;
  readonly signal: AbortSignal;
}

/**
 * Publishes a version of a model: its files, then `model.json`, which makes them a version, then the channel. Whatever
 * stops it before `model.json` is written, there is no version; what was sent stays for the next attempt to take over.
 *
 * @throws DeliveryError `VERSION_EXISTS` (with other content), `VERSION_PRUNED`, `VERSION_DEPRECATED` (for the channel),
 *   `MODEL_EMPTY`, `PATH_UNSAFE`, `NAME_INVALID`, `SOURCE_NOT_FOUND`, `SOURCE_UNREADABLE`, `SOURCE_CHANGED`, `CHANNEL_BUSY`,
 *   `VERSION_BUSY`, `PICKLE_REFUSED`, `PUBLICATION_DISTURBED`, `MANIFEST_INVALID`, and those of {@link ObjectStore}
 */
export async function publishModel(
  store: ObjectStore,
  publication: Publication,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Published> {
  const { model, channel, prefix } = publication;
  const managed: ManagedStore = { store, layout: new ManagedLayout(prefix) };
  checkName('model', model);
  if (channel !== undefined) checkName('channel', channel);
  const files = await filesOf(publication);
  const scan = publication.pickles && (await checkPickles(files, publication.pickles, signal));
  const outcome = await publishAs({ managed, publication, files, reporter, signal });
  const { version, digest, created } = outcome.manifest;
  const uri = store.uriOf(managed.layout.version(model, version));
  reporter.note(
    outcome.result === 'published' ? `${uri} is published.` : `${uri} is there already, with the same content.`,
  );
  // A run of an earlier version that is repeated must not take the channel back; one that had been interrupted is completed.
  const unlessAfter = outcome.result === 'unchanged' ? created : undefined;
  const target = { model, version, digest, unlessAfter };
  return {
    ...outcome,
    uri,
    scan,
    channel: channel === undefined ? undefined : await moveChannel(managed, { ...target, channel }, signal),
  };
}

async function filesOf({ path, root, exclude = [], allowEmpty = false }: Publication): Promise<readonly SourceFile[]> {
  const files = await sourceFiles({ path, root, exclude });
  if (files.length === 0) throw empty(path, 'there are no files in it');
  if (totalSize(files) === 0 && !allowEmpty) throw empty(path, 'its files have 0 bytes, and allowEmpty is not set');
  checkFilePaths(files.map((file) => file.path));
  return files;
}

function empty(path: string, why: string): DeliveryError {
  return new DeliveryError('MODEL_EMPTY', {
    message: `${path} holds no model: ${why}.`,
    remedy: 'Check source and exclude, and the step that writes the model.',
  });
}

/** Publishes under the version that was chosen, or the one that comes out of the content or of what the store has. */
async function publishAs(work: Omit<Work, 'version'>): Promise<Outcome> {
  const { managed, publication, files, reporter, signal } = work;
  const { model, version: wanted } = publication;
  const named = (version: string): Work => ({ ...work, version: { model, version } });
  if (typeof wanted === 'string') return publishVersion(named(wanted));
  switch (wanted.by) {
    case 'digest': {
      const content = await readOnly(files, reporter, signal);
      return publishVersion(named(versionOfDigest(content.digest)), content);
    }
    case 'bump':
      for (let round = 0; round < ROUNDS; round++) {
        const version = await nextVersion(managed, model, wanted.part, signal);
        const outcome = await ifFree(publishVersion(named(version)));
        if (outcome?.result === 'published') return outcome;
        reporter.note(`Another run has just published ${version}; taking the next.`);
      }
      throw new DeliveryError('VERSION_BUSY', {
        message: `Others published the next ${wanted.part} version of ${model} each time this task tried to.`,
        remedy: 'Run again, or give version a name.',
      });
  }
}

/** Undefined where another publisher has taken the version meanwhile. */
async function ifFree(publishing: Promise<Outcome>): Promise<Outcome | undefined> {
  try {
    return await publishing;
  } catch (error) {
    if (error instanceof DeliveryError && ['VERSION_EXISTS', 'VERSION_PRUNED'].includes(error.code)) return undefined;
    throw error;
  }
}

/** Publishes under a version of a known name. */
async function publishVersion(work: Work, known?: Content): Promise<Outcome> {
  const { managed, version, files, reporter, signal } = work;
  const existing = await findVersion(managed.store, managed.layout, version, signal);
  if (existing !== undefined) {
    const content = known ?? (await readOnly(files, reporter, signal));
    return { ...(await sameVersion(work, existing, content, signal)), resumed: 0 };
  }
  const attempt = await beginAttempt(managed, version, files, signal);
  try {
    return await publishFiles(work, attempt);
  } catch (error) {
    if (!(error instanceof NameTaken)) throw error;
    return await publishFiles(work, freshAttempt(attempt.pruned));
  }
}

/** Reads the files for their digests alone. */
function readOnly(files: readonly SourceFile[], reporter: Reporter, signal: AbortSignal): Promise<Content> {
  const sum = new ProgressSum(totalSize(files), reporter);
  const memory = new ReusedMemory(1);
  return readContent(
    files,
    async (_file, pieces) => {
      for await (const piece of pieces) {
        sum.add(piece.length);
        memory.release(piece);
      }
    },
    memory,
    signal,
  );
}

async function publishFiles(work: Work, attempt: Attempt): Promise<Outcome> {
  const { managed, publication, version, files, reporter, signal } = work;
  const { store, layout } = managed;
  const sum = new ProgressSum(totalSize(files), reporter);
  let resumed = 0;
  const observer = { arrived: (bytes: number) => sum.add(bytes), reused: (bytes: number) => void (resumed += bytes) };
  const uploader = new Uploader(store, attempt.held, observer, signal);
  let content: Content;
  try {
    content = await readContent(
      files,
      ({ path, size }, pieces, digest) => {
        const name = layout.file(version.model, version.version, attempt.folder, path);
        return uploader.send(name, size, pieces, digest);
      },
      uploader.memory,
      signal,
    );
    await uploader.finish();
  } catch (error) {
    await uploader.stop();
    throw error;
  }
  const manifest: Manifest = {
    name: version.model,
    version: version.version,
    created: new Date(),
    digest: content.digest,
    folder: attempt.folder,
    files: content.files,
    properties: publication.properties,
    source: publication.source,
    packed: { format: PACKING_FORMAT, folder: PACKED_FOLDER, layers: content.layers },
  };
  return { ...(await sealVersion(work, attempt, manifest)), resumed };
}

/**
 * Writes `model.json` and with it makes the files a version. A cancellation does not stop this short end: half way through, nobody
 * could tell whether there is a version or not.
 */
async function sealVersion(work: Work, attempt: Attempt, manifest: Manifest): Promise<Omit<Outcome, 'resumed'>> {
  const { managed, version } = work;
  work.signal.throwIfAborted();
  const signal = storeLimit(managed.store, `model.json of ${version.model} ${version.version}`, SEAL_LIMIT);
  const { missing, leftovers } = await checkArrived(work, manifest, signal);
  if (missing === undefined) {
    if (attempt.pruned !== undefined) await reviveName(work, attempt.pruned, manifest, signal);
    if (await writeOnce(managed, manifest, signal)) {
      await discard(managed.store, leftovers);
      return { result: 'published', manifest };
    }
  }
  const there = await findVersion(managed.store, managed.layout, version, signal);
  if (there === undefined) throw disturbed(version, missing ?? '');
  if (there.folder !== manifest.folder) await discard(managed.store, namesOf(work, manifest));
  return sameVersion(work, there, manifest, signal);
}

/**
 * The version that is there, if it has the same content and stays. What is said against it is looked for once `model.json` was seen: prune
 * says it before it removes that.
 */
async function sameVersion(
  work: Work,
  there: Manifest,
  { digest }: Pick<Manifest, 'digest'>,
  signal: AbortSignal,
): Promise<Omit<Outcome, 'resumed'>> {
  if (there.digest !== digest) throw versionExists(work, there);
  const said = await readDeprecation(work.managed, work.version, signal);
  if (said?.pruned !== undefined) throw versionDeprecated(work.version, said);
  return { result: 'unchanged', manifest: there };
}

/** Writes `model.json` where there is none. False: there is another. */
async function writeOnce({ store, layout }: ManagedStore, manifest: Manifest, signal: AbortSignal): Promise<boolean> {
  const name = layout.manifest(manifest.name, manifest.version);
  const text = writeManifest(manifest);
  if (await store.write(name, Buffer.from(text), 'absent', signal)) return true;
  // What is there may be this very write, whose answer got lost.
  return (await store.read(name, signal))?.text === text;
}

/** Lets a pruned version come back, with the content that it had. */
async function reviveName(
  { managed, version }: Work,
  pruned: Deprecation,
  { digest }: Manifest,
  signal: AbortSignal,
): Promise<void> {
  if (pruned.pruned !== digest) throw versionDeprecated(version, pruned);
  await removeDeprecation(managed, version, signal);
}

/** Looks whether the store has every file, so that no version is ever made of files that somebody has removed. */
async function checkArrived(
  { managed: { layout, store }, version }: Work,
  { folder, files }: Manifest,
  signal: AbortSignal,
): Promise<{ readonly missing: string | undefined; readonly leftovers: readonly string[] }> {
  const objects = await objectsOf({ layout, store }, version, signal);
  const sizes = new Map(objects.map(({ name, size }) => [name, size]));
  const at = (below: string, path: string): string => layout.file(version.model, version.version, below, path);
  return {
    missing: files.find(({ path, size }) => sizes.get(at(folder, path)) !== size)?.path,
    leftovers: [...sizes.keys()].filter((name) => name.startsWith(at('files', '')) && !name.startsWith(at(folder, ''))),
  };
}

function namesOf({ managed, version }: Work, { folder, files }: Manifest): readonly string[] {
  return files.map(({ path }) => managed.layout.file(version.model, version.version, folder, path));
}

/** Removes what can never become part of a version, as far as there is time; what stays is never read by anyone. */
async function discard(store: ObjectStore, names: readonly string[]): Promise<void> {
  const signal = AbortSignal.timeout(CLEANUP_LIMIT);
  const slots = new Slots(REMOVALS_AT_ONCE);
  await Promise.allSettled(names.map((name) => slots.run(() => store.remove(name, signal))));
}

function disturbed({ model, version }: VersionName, path: string): DeliveryError {
  return new DeliveryError('PUBLICATION_DISTURBED', {
    message: `The file ${JSON.stringify(path)} of ${model} ${version} was removed from the store while the version was published.`,
    remedy:
      'Run again; nothing was published. If it stays so, look for what deletes blobs there, such as a lifecycle rule.',
  });
}

function versionExists({ managed, version }: Work, there: Manifest | undefined): DeliveryError {
  const run = there?.source.run === undefined ? '' : ` by ${there.source.run}`;
  return new DeliveryError('VERSION_EXISTS', {
    message: `${managed.store.uriOf(managed.layout.version(version.model, version.version))} was published before${run}, with other content.`,
    remedy: 'A version never changes: publish under another version.',
  });
}
