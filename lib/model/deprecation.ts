import { DeliveryError } from '../errors/delivery-error.ts';
import { type RetryPolicy, wait, waitBefore } from '../http/retry.ts';
import { DocumentReader } from './document.ts';
import type { ManagedStore, VersionName } from './managed-store.ts';

/** Why a version should not be used any more. It stands beside `model.json`, which never changes. */
export interface Deprecation {
  readonly reason: string;
  /** When it was written. */
  readonly deprecated: Date;
  /** Who or what wrote it, such as a run. */
  readonly by?: string | undefined;
  /**
   * Digest of a version that `prune` removes or has removed. Its name stays taken: whoever finds it again gets the content
   * that it always had, or none.
   */
  readonly pruned?: string | undefined;
}

/**
 * What is said against a version; undefined where nothing is.
 *
 * @throws DeliveryError `MANIFEST_INVALID`, and those of {@link ObjectStore}
 */
export async function readDeprecation(
  managed: ManagedStore,
  version: VersionName,
  signal: AbortSignal,
): Promise<Deprecation | undefined> {
  return (await findDeprecation(managed, version, signal))?.deprecation;
}

/** What became of a call to deprecate or to reinstate. */
export type DeprecationResult = 'deprecated' | 'reinstated' | 'unchanged';

/** Whoever writes at the same moment is through within the first of these rounds. */
const ROUNDS: RetryPolicy = { attempts: 7, firstWait: 20, longestWait: 1_000 };

/**
 * Deprecates a version, or gives a deprecated one another reason. The version must be there.
 *
 * @param sparesPruned whether the note of a prune, which keeps a name taken, is left alone
 * @throws DeliveryError `DEPRECATION_BUSY` where it was changed by others, or the store says so, each time; `VERSION_PRUNED`
 */
export async function writeDeprecation(
  managed: ManagedStore,
  version: VersionName,
  deprecation: Deprecation,
  signal: AbortSignal,
  { sparesPruned = false }: { readonly sparesPruned?: boolean } = {},
): Promise<DeprecationResult> {
  const name = managed.layout.deprecation(version.model, version.version);
  const bytes = Buffer.from(textOf(deprecation));
  for (let round = 1; round <= ROUNDS.attempts; round++) {
    const found = await findDeprecation(managed, version, signal);
    if (sparesPruned && found?.deprecation.pruned !== undefined) throw versionDeprecated(version, found.deprecation);
    if (found?.deprecation.reason === deprecation.reason && found.deprecation.pruned === deprecation.pruned) {
      return 'unchanged';
    }
    const condition = found === undefined ? 'absent' : { etag: found.etag };
    if (await managed.store.write(name, bytes, condition, signal)) return 'deprecated';
    await wait(waitBefore(round, ROUNDS), signal);
  }
  throw busy(managed, name);
}

/**
 * Takes back a deprecation, but not the note of a prune, which keeps a name taken.
 *
 * @throws DeliveryError `DEPRECATION_BUSY` as {@link writeDeprecation}, `VERSION_PRUNED`
 */
export async function liftDeprecation(
  managed: ManagedStore,
  version: VersionName,
  signal: AbortSignal,
): Promise<DeprecationResult> {
  const name = managed.layout.deprecation(version.model, version.version);
  for (let round = 1; round <= ROUNDS.attempts; round++) {
    const found = await findDeprecation(managed, version, signal);
    if (found === undefined) return 'unchanged';
    if (found.deprecation.pruned !== undefined) throw versionDeprecated(version, found.deprecation);
    if (await managed.store.removeState(name, found.etag, signal)) return 'reinstated';
    await wait(waitBefore(round, ROUNDS), signal);
  }
  throw busy(managed, name);
}

function busy({ store }: ManagedStore, name: string): DeliveryError {
  return new DeliveryError('DEPRECATION_BUSY', {
    message: `${store.uriOf(name)} was changed by others each time this task tried to.`,
    remedy: 'Run again; if it stays so, the store does not keep to If-Match, or something writes to that name.',
  });
}

/** Takes back whatever was said against a version. */
export async function removeDeprecation(
  managed: ManagedStore,
  version: VersionName,
  signal: AbortSignal,
): Promise<DeprecationResult> {
  if ((await findDeprecation(managed, version, signal)) === undefined) return 'unchanged';
  await managed.store.remove(managed.layout.deprecation(version.model, version.version), signal);
  return 'reinstated';
}

/** The refusal of a deprecated version by whoever wants only good ones. */
export function versionDeprecated({ model, version }: VersionName, { reason, pruned }: Deprecation): DeliveryError {
  return pruned === undefined
    ? new DeliveryError('VERSION_DEPRECATED', {
        message: `The version ${version} of ${model} is deprecated: ${reason}.`.replace(/\.\.$/, '.'),
        remedy: 'Use another version; the action reinstate of PublishModel lifts the deprecation.',
      })
    : new DeliveryError('VERSION_PRUNED', {
        message: `The version ${version} of ${model} was removed by prune, or is about to be.`,
        remedy:
          'Use another version; this name can only be published with the content that it had. If a prune was interrupted, another one (action prune of PublishModel) removes the rest first.',
      });
}

async function findDeprecation(
  { store, layout }: ManagedStore,
  { model, version }: VersionName,
  signal: AbortSignal,
): Promise<{ readonly deprecation: Deprecation; readonly etag: string } | undefined> {
  const name = layout.deprecation(model, version);
  const found = await store.read(name, signal);
  if (found === undefined) return undefined;
  const document = DocumentReader.parse(found.text, store.uriOf(name));
  return {
    etag: found.etag,
    deprecation: {
      reason: document.text('reason'),
      deprecated: new Date(document.text('deprecated')),
      by: document.optionalText('by'),
      pruned: document.optionalText('pruned'),
    },
  };
}

function textOf({ reason, deprecated, by, pruned }: Deprecation): string {
  return `${JSON.stringify({ schemaVersion: 1, reason, deprecated: deprecated.toISOString(), by, pruned }, null, 2)}\n`;
}
