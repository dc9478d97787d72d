import { readChannels } from './channel.ts';
import {
  type DeprecationResult,
  liftDeprecation,
  readDeprecation,
  versionDeprecated,
  writeDeprecation,
} from './deprecation.ts';
import { findVersion } from './find-version.ts';
import { ManagedLayout } from './layout.ts';
import type { ManagedStore, VersionName } from './managed-store.ts';
import type { Manifest } from './manifest.ts';
import { notFound } from './not-found.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** A version of a store, by its names. */
export interface StoredVersion extends VersionName {
  readonly prefix: string;
}

/** What has become of a version whose deprecation was written or lifted. */
export interface Judged {
  readonly result: DeprecationResult;
  readonly manifest: Manifest;
  readonly uri: string;
  /** Channels that name it, in order. */
  readonly channels: readonly string[];
}

/**
 * Deprecates a version: fetching by channel or range does not give it any more; by its name it still can be had, with a warning.
 *
 * @param by who or what deprecates it, such as the run
 * @throws DeliveryError `VERSION_NOT_FOUND`, `MODEL_NOT_FOUND`, `VERSION_PRUNED`, and those of {@link ObjectStore}
 */
export function deprecateVersion(
  store: ObjectStore,
  version: StoredVersion,
  { reason, by }: { readonly reason: string; readonly by: string | undefined },
  signal: AbortSignal,
): Promise<Judged> {
  const deprecation = { reason, deprecated: new Date(), by };
  return judge(store, version, signal, (managed) =>
    writeDeprecation(managed, version, deprecation, signal, { sparesPruned: true }),
  );
}

/**
 * Lifts a version's deprecation.
 *
 * @throws DeliveryError `VERSION_NOT_FOUND`, `MODEL_NOT_FOUND`, `VERSION_PRUNED`, and those of {@link ObjectStore}
 */
export function reinstateVersion(store: ObjectStore, version: StoredVersion, signal: AbortSignal): Promise<Judged> {
  return judge(store, version, signal, (managed) => liftDeprecation(managed, version, signal));
}

async function judge(
  store: ObjectStore,
  version: StoredVersion,
  signal: AbortSignal,
  change: (managed: ManagedStore) => Promise<DeprecationResult>,
): Promise<Judged> {
  const managed = { store, layout: new ManagedLayout(version.prefix) };
  const manifest = await existing(managed, version, signal);
  const result = await change(managed);
  const channels = (await readChannels(managed, version.model, signal)).filter(
    (channel) => channel.version === version.version,
  );
  return {
    result,
    manifest,
    channels: channels.map(({ name }) => name),
    uri: store.uriOf(managed.layout.version(version.model, version.version)),
  };
}

async function existing(managed: ManagedStore, version: VersionName, signal: AbortSignal): Promise<Manifest> {
  const said = await readDeprecation(managed, version, signal);
  if (said?.pruned !== undefined) throw versionDeprecated(version, said);
  const manifest = await findVersion(managed.store, managed.layout, version, signal);
  if (manifest !== undefined) return manifest;
  const { model, version: wanted } = version;
  throw await notFound(managed, model, { code: 'VERSION_NOT_FOUND', what: `version ${wanted}`, wanted }, signal);
}
