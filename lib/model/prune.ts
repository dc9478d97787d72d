import { DeliveryError } from '../errors/delivery-error.ts';
import { readChannels } from './channel.ts';
import { type Deprecation, readDeprecation, removeDeprecation, writeDeprecation } from './deprecation.ts';
import { findVersion } from './find-version.ts';
import { heldVersions } from './hold.ts';
import { ManagedLayout } from './layout.ts';
import type { ManagedStore } from './managed-store.ts';
import type { Manifest } from './manifest.ts';
import { notFound } from './not-found.ts';
import { planPrune, type PruneItem, type VersionObject, type VersionState } from './prune-plan.ts';
import { ProgressSum, type Reporter } from './progress.ts';
import { Slots } from './slots.ts';
import type { ObjectStore } from './stores/object-store.ts';

const REQUESTS_AT_ONCE = 16;

/** What to keep of a model. */
export interface Pruning {
  readonly prefix: string;
  readonly model: string;
  /** Number of versions. */
  readonly keep: number;
  /** Only say what would go. */
  readonly dryRun: boolean;
  /** Who or what prunes, such as the run. */
  readonly by: string | undefined;
  readonly now: Date;
}

/** What has become of each version. */
export interface Pruned {
  readonly items: readonly PruneItem[];
  /** Bytes that were freed, or would be. */
  readonly freed: number;
}

/** A version with what was said against it before. */
interface Condemned {
  readonly item: PruneItem;
  readonly manifest: Manifest;
  readonly before: Deprecation | undefined;
}

/**
 * Removes old versions of a model and what failed attempts have left. Before anything goes, it is written down beside each version that it is
 * being removed, and holds and channels are looked at once more: whoever moves a channel holds its version first and looks for that
 * then, so either of the two gives way, and no channel ever names what is gone. Of each version `model.json` goes first, so it is whole or absent at
 * every moment; the note stays, so that its name never gets another content.
 *
 * @throws DeliveryError `MODEL_NOT_FOUND`, `MANIFEST_INVALID` (a channel), and those of {@link ObjectStore}
 */
export async function pruneModel(
  store: ObjectStore,
  pruning: Pruning,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Pruned> {
  const { model, dryRun, by, now } = pruning;
  const managed: ManagedStore = { store, layout: new ManagedLayout(pruning.prefix) };
  const states = await statesOf(managed, model, signal);
  if (states.length === 0) throw await notFound(managed, model, NO_VERSION, signal);
  const planned = planPrune(states, await readChannels(managed, model, signal), pruning);
  if (dryRun) return report(planned);

  const condemned = planned.flatMap((item) => condemn(item, states));
  await inParallel(
    condemned.filter(({ item }) => isGoing(item)),
    ({ item, manifest, before }) => {
      const note = { reason: before?.reason ?? 'pruned', deprecated: now, by, pruned: manifest.digest };
      return writeDeprecation(managed, { model, version: item.version }, note, signal);
    },
  );
  // In this order: a hold goes only when its channel is there to be seen.
  const held = await heldVersions(managed, model, now, signal);
  const channels = await readChannels(managed, model, signal);
  const named = new Map([...held, ...channels.map(({ version, name }) => [version, name] as const)]);
  await inParallel(
    condemned.filter(({ item }) => named.has(item.version)),
    (one) => pardon(managed, model, one, signal),
  );

  const items = planned.map((item): PruneItem => {
    const channel = item.what === 'version' && isGoing(item) ? named.get(item.version) : undefined;
    return channel === undefined ? item : { ...item, verdict: 'stays', why: `named by ${channel} meanwhile` };
  });
  await removeAll(managed, items.filter(isGoing), reporter, signal);
  return report(items);
}

/** A version that is to go, or that an earlier prune wanted to remove and that has to be left alone after all. */
function condemn(item: PruneItem, states: readonly VersionState[]): readonly Condemned[] {
  const { manifest, deprecation: before } = states.find(({ version }) => version === item.version) ?? {};
  if (item.what === 'leftovers' || manifest === undefined || manifest === 'unreadable') return [];
  return isGoing(item) || before?.pruned !== undefined ? [{ item, manifest, before }] : [];
}

const NO_VERSION = { code: 'VERSION_NOT_FOUND', what: 'version', wanted: '' } as const;

function isGoing({ verdict }: PruneItem): boolean {
  return verdict === 'goes';
}

function report(items: readonly PruneItem[]): Pruned {
  return { items, freed: items.filter(isGoing).reduce((sum, { size }) => sum + size, 0) };
}

/** Everything below the model's versions, in one listing, with what the manifests say. */
async function statesOf(managed: ManagedStore, model: string, signal: AbortSignal): Promise<readonly VersionState[]> {
  const { store, layout } = managed;
  const at = layout.versions(model);
  const objects = new Map<string, VersionObject[]>();
  for await (const object of store.list(at, signal)) {
    const [version = '', ...below] = object.name.slice(at.length).split('/');
    const own = objects.get(version) ?? [];
    own.push({ ...object, path: below.join('/') });
    objects.set(version, own);
  }
  return inParallel([...objects], async ([version, own]) => {
    const has = (name: string): boolean => own.some(({ path }) => path === name);
    const manifest = has('model.json') ? await readable(managed, { model, version }, signal) : undefined;
    const said = has('deprecated.json') ? await readDeprecation(managed, { model, version }, signal) : undefined;
    return { version, objects: own, manifest, deprecation: said };
  });
}

async function readable(
  { store, layout }: ManagedStore,
  version: { readonly model: string; readonly version: string },
  signal: AbortSignal,
): Promise<VersionState['manifest']> {
  try {
    return await findVersion(store, layout, version, signal);
  } catch (error) {
    if (error instanceof DeliveryError && ['MANIFEST_INVALID', 'NAME_INVALID'].includes(error.code))
      return 'unreadable';
    throw error;
  }
}

/** A channel names the version now: what was written against it is taken back. */
async function pardon(
  managed: ManagedStore,
  model: string,
  { item, before }: Condemned,
  signal: AbortSignal,
): Promise<void> {
  const version = { model, version: item.version };
  if (before === undefined || before.pruned !== undefined) await removeDeprecation(managed, version, signal);
  else await writeDeprecation(managed, version, before, signal);
}

/** Manifests first, then files; what was said against a version stays. */
async function removeAll(
  { store }: ManagedStore,
  items: readonly PruneItem[],
  reporter: Reporter,
  signal: AbortSignal,
): Promise<void> {
  const sum = new ProgressSum(report(items).freed, reporter);
  for (const { objects } of items) {
    const manifests = objects.filter(({ path }) => path === 'model.json');
    const files = objects.filter(({ path }) => path.startsWith('files/'));
    for (const some of [manifests, files]) {
      await inParallel(some, async ({ name, size }) => {
        await store.remove(name, signal);
        sum.add(size);
      });
    }
  }
}

async function inParallel<In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<readonly Out[]> {
  const slots = new Slots(REQUESTS_AT_ONCE);
  return Promise.all(items.map((item) => slots.run(() => work(item))));
}
