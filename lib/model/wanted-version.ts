import { DeliveryError } from '../errors/delivery-error.ts';
import { readChannel } from './channel.ts';
import { type Deprecation, readDeprecation, versionDeprecated } from './deprecation.ts';
import { findVersion } from './find-version.ts';
import type { ManagedStore } from './managed-store.ts';
import type { Manifest } from './manifest.ts';
import { notFound } from './not-found.ts';
import { highestFirst, inRange } from '../naming/semantic-version.ts';
import type { WantedBy } from './selection.ts';

/** Manifests read at once in the search for a digest. */
const MANIFESTS_AT_ONCE = 32;

/** A version that was found. */
export interface WantedVersion {
  readonly manifest: Manifest;
  /** What was passed over on the way, a sentence each. */
  readonly notes: readonly string[];
  /** What is to be said against this version, a sentence each. */
  readonly warnings: readonly string[];
}

/** What a store holds under the name of a version. */
interface Candidate {
  readonly manifest: Manifest | undefined;
  readonly deprecation: Deprecation | undefined;
}

/**
 * Finds the version of a model that is wanted. A deprecated one is taken, with a warning, only where it is named exactly; a range and a
 * digest pass over it, and a channel that names it is an error, since nobody could say what it should mean instead.
 *
 * @throws DeliveryError `MODEL_NOT_FOUND`, `VERSION_NOT_FOUND`, `CHANNEL_NOT_FOUND`, `CHANNEL_DANGLING`, `VERSION_DEPRECATED`,
 *   `VERSION_PRUNED`, `MANIFEST_INVALID`, `NAME_INVALID`, and those of {@link ObjectStore}
 */
export async function wantedVersion(
  managed: ManagedStore,
  model: string,
  by: WantedBy,
  signal: AbortSignal,
): Promise<WantedVersion> {
  if ('version' in by) return exactly(managed, model, by.version, signal);
  if ('channel' in by) return ofChannel(managed, model, by.channel, signal);
  return 'range' in by ? highestOf(managed, model, by.range, signal) : withDigest(managed, model, by.digest, signal);
}

async function exactly(
  managed: ManagedStore,
  model: string,
  version: string,
  signal: AbortSignal,
): Promise<WantedVersion> {
  const { manifest, deprecation } = await look(managed, model, version, signal);
  if (deprecation?.pruned !== undefined) throw versionDeprecated({ model, version }, deprecation);
  if (manifest === undefined) {
    const missing = { code: 'VERSION_NOT_FOUND', what: `version ${version}`, wanted: version } as const;
    throw await notFound(managed, model, missing, signal);
  }
  return { manifest, notes: [], warnings: deprecation === undefined ? [] : [against(version, deprecation)] };
}

async function ofChannel(
  managed: ManagedStore,
  model: string,
  channel: string,
  signal: AbortSignal,
): Promise<WantedVersion> {
  const found = await readChannel(managed.store, managed.layout.channel(model, channel), signal);
  if (found === undefined) {
    const missing = { code: 'CHANNEL_NOT_FOUND', what: `channel ${channel}`, wanted: channel } as const;
    throw await notFound(managed, model, missing, signal);
  }
  const { version } = found;
  const { manifest, deprecation } = await look(managed, model, version, signal);
  if (deprecation !== undefined) throw channelDeprecated(model, channel, version, deprecation);
  if (manifest === undefined) throw dangling(model, channel, version);
  return { manifest, notes: [], warnings: [] };
}

async function highestOf(
  managed: ManagedStore,
  model: string,
  range: string,
  signal: AbortSignal,
): Promise<WantedVersion> {
  const notes: string[] = [];
  for (const version of inRange(await versionNames(managed, model, signal), range)) {
    const { manifest, deprecation } = await look(managed, model, version, signal);
    if (deprecation !== undefined) notes.push(passedOver(version, deprecation));
    // A folder without a manifest is no version: somebody publishes it just now, or gave up.
    else if (manifest !== undefined) return { manifest, notes, warnings: [] };
  }
  throw await noneLeft(managed, model, { what: `version in the range ${range}`, wanted: range }, notes, signal);
}

async function withDigest(
  managed: ManagedStore,
  model: string,
  digest: string,
  signal: AbortSignal,
): Promise<WantedVersion> {
  const notes: string[] = [];
  const names = newestFirst(await versionNames(managed, model, signal));
  for (let at = 0; at < names.length; at += MANIFESTS_AT_ONCE) {
    const some = names.slice(at, at + MANIFESTS_AT_ONCE);
    const manifests = await Promise.all(some.map((version) => readable(managed, model, version, signal)));
    for (const manifest of manifests) {
      if (manifest?.digest !== digest) continue;
      const deprecation = await readDeprecation(managed, { model, version: manifest.version }, signal);
      if (deprecation === undefined) return { manifest, notes, warnings: [] };
      notes.push(passedOver(manifest.version, deprecation));
    }
  }
  throw await noneLeft(managed, model, { what: `version with the digest ${digest}`, wanted: '' }, notes, signal);
}

async function look(managed: ManagedStore, model: string, version: string, signal: AbortSignal): Promise<Candidate> {
  const { store, layout } = managed;
  const [manifest, deprecation] = await Promise.all([
    findVersion(store, layout, { model, version }, signal),
    readDeprecation(managed, { model, version }, signal),
  ]);
  return { manifest, deprecation };
}

/** A manifest that is not the one looked for may be broken without harm. */
async function readable(
  { store, layout }: ManagedStore,
  model: string,
  version: string,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  try {
    return await findVersion(store, layout, { model, version }, signal);
  } catch (error) {
    if (error instanceof DeliveryError && ['MANIFEST_INVALID', 'NAME_INVALID'].includes(error.code)) return undefined;
    throw error;
  }
}

async function versionNames({ store, layout }: ManagedStore, model: string, signal: AbortSignal): Promise<string[]> {
  const names: string[] = [];
  for await (const name of store.listFolders(layout.versions(model), signal)) names.push(name);
  return names;
}

/** A guess, as only manifests know when they were made: what is looked for is mostly new. */
function newestFirst(names: readonly string[]): readonly string[] {
  const versions = new Set(highestFirst(names));
  const others = names
    .filter((name) => !versions.has(name))
    .sort((a, b) => b.localeCompare(a, 'en', { numeric: true }));
  return [...versions, ...others];
}

async function noneLeft(
  managed: ManagedStore,
  model: string,
  { what, wanted }: { readonly what: string; readonly wanted: string },
  notes: readonly string[],
  signal: AbortSignal,
): Promise<DeliveryError> {
  if (notes.length === 0) return notFound(managed, model, { code: 'VERSION_NOT_FOUND', what, wanted }, signal);
  return new DeliveryError('VERSION_DEPRECATED', {
    message: `The model ${model} in ${managed.store.uriOf('')} has no ${what} that may be used. ${notes.join(' ')}`,
    remedy: 'Publish another version, name one exactly, or lift its deprecation (PublishModel, action reinstate).',
  });
}

function passedOver(version: string, { reason, pruned }: Deprecation): string {
  return `Passed over version ${version}: it ${pruned === undefined ? `is deprecated (${reason})` : 'was pruned'}.`;
}

function against(version: string, { reason, by }: Deprecation): string {
  return `The version ${version} is deprecated${by === undefined ? '' : ` by ${by}`}: ${sentence(reason)}`;
}

function channelDeprecated(model: string, channel: string, version: string, deprecation: Deprecation): DeliveryError {
  const why =
    deprecation.pruned === undefined ? `which is deprecated: ${sentence(deprecation.reason)}` : 'which was pruned.';
  return new DeliveryError(deprecation.pruned === undefined ? 'VERSION_DEPRECATED' : 'VERSION_PRUNED', {
    message: `The channel ${channel} of ${model} names the version ${version}, ${why}`,
    remedy: 'Point the channel at another version (PublishModel, action promote), or fetch a version by its name.',
  });
}

function dangling(model: string, channel: string, version: string): DeliveryError {
  return new DeliveryError('CHANNEL_DANGLING', {
    message: `The channel ${channel} of ${model} names the version ${version}, which is not there.`,
    remedy: 'The version was deleted; point the channel elsewhere by publishing, or fetch by version.',
  });
}

/** Words from outside, ended as a sentence. */
function sentence(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
