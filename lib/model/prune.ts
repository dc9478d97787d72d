import { DeliveryError } from '../errors/delivery-error.ts';
import { readChannels } from './channel.ts';
import { type Deprecation, readDeprecation, removeDeprecation, writeDeprecation } from './deprecation.ts';
import { findVersion } from './find-version.ts';
import { heldVersions } from './hold.ts';
import { ManagedLayout } from './layout.ts';
import type { ManagedStore, VersionName } from './managed-store.ts';
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

/** All that the removal of one version after another works on. */
interface Work {
  readonly managed: ManagedStore;
  readonly pruning: Pruning;
  readonly sum: ProgressSum;
  readonly signal: AbortSignal;
}

/** A version that is to go, or that an earlier prune wanted to remove, with what was said against it before. */
interface Condemned {
  readonly item: PruneItem;
  readonly version: VersionName;
  readonly digest: string;
  readonly before: Deprecation | undefined;
}

/**
 * Removes old versions of a model and what failed attempts have left, one after another. Before a version goes, it is written down beside it
 * that it is being removed, and holds and channels are looked at once more: whoever moves a channel holds its version first and looks for that
 * then, so either of the two gives way, and no channel ever names what is gone. Of each version `model.json` goes first, so it is whole or absent at
 * every moment; the note stays, so that its name never gets another content. A prune that is interrupted leaves at most one version
 * that is there and cannot be used; the next one removes it.
 *
 * @throws DeliveryError `MODEL_NOT_FOUND`, `MANIFEST_INVALID` (a channel), `DEPRECATION_BUSY`, and those of {@link ObjectStore}
 */
export async function pruneModel(
  store: ObjectStore,
  pruning: Pruning,
  reporter: Reporter,
  signal: AbortSignal,
): Promise<Pruned> {
  const { model, dryRun } = pruning;
  const managed: ManagedStore = { store, layout: new ManagedLayout(pruning.prefix) };
  const states = await statesOf(managed, model, signal);
  if (states.length === 0) throw await notFound(managed, model, NO_VERSION, signal);
  const planned = planPrune(states, await readChannels(managed, model, signal), pruning);
  if (dryRun) return report(planned);

  const work: Work = { managed, pruning, sum: new ProgressSum(report(planned).freed, reporter), signal };
  const items: PruneItem[] = [];
  for (const item of planned) items.push(await carryOut(work, item, states));
  return report(items);
}

/** Does what was planned, unless what was found meanwhile speaks against it; says what became of it. */
async function carryOut(work: Work, item: PruneItem, states: readonly VersionState[]): Promise<PruneItem> {
  const condemned = condemn(work, item, states);
  if (condemned !== undefined) return carryOutOn(work, condemned);
  if (isGoing(item)) await removeFiles(work, item);
  return item;
}

function condemn({ pruning }: Work, item: PruneItem, states: readonly VersionState[]): Condemned | undefined {
  const { manifest, deprecation: before } = states.find(({ version }) => version === item.version) ?? {};
  if (item.what === 'leftovers' || manifest === undefined || manifest === 'unreadable') return undefined;
  if (!isGoing(item) && before?.pruned === undefined) return undefined;
  const version = { model: pruning.model, version: item.version };
  return { item, version, digest: manifest.digest, before };
}

async function carryOutOn(work: Work, condemned: Condemned): Promise<PruneItem> {
  const { managed, pruning, signal } = work;
  const { item, version, digest, before } = condemned;
  if (isGoing(item)) {
    const note = { reason: before?.reason ?? 'pruned', deprecated: pruning.now, by: pruning.by, pruned: digest };
    await writeDeprecation(managed, version, note, signal);
  }
  const name = await namedBy(work, version);
  if (name !== undefined) await pardon(work, condemned);
  if (!isGoing(item)) return item;
  if (name !== undefined) return { ...item, verdict: 'stays', why: `named by ${name} meanwhile` };
  // Others who prune may have removed the version just now, and somebody published it again, which takes the note away.
  const said = await readDeprecation(managed, version, signal);
  if (said?.pruned === undefined) return { ...item, verdict: 'stays', why: 'published or deprecated again meanwhile' };
  if (!(await removeManifest(work, condemned))) {
    await removeDeprecation(managed, version, signal);
    return { ...item, verdict: 'stays', why: 'published again meanwhile' };
  }
  await removeFiles(work, item);
  return item;
}

/** The channel that names a version now, or is about to. */
async function namedBy(
  { managed, pruning, signal }: Work,
  { model, version }: VersionName,
): Promise<string | undefined> {
  // In this order: a hold goes only when its channel is there to be seen.
  const held = await heldVersions(managed, model, pruning.now, signal);
  const channels = await readChannels(managed, model, signal);
  return channels.find((channel) => channel.version === version)?.name ?? held.get(version);
}

/** Takes back what was written against a version that stays. */
async function pardon({ managed, signal }: Work, { version, before }: Condemned): Promise<void> {
  if (before === undefined || before.pruned !== undefined) await removeDeprecation(managed, version, signal);
  else await writeDeprecation(managed, version, before, signal);
}

/** Removes `model.json` as it was listed, if another prune has not done so. False: there is another one. */
async function removeManifest(
  { managed: { store, layout }, sum, signal }: Work,
  { item, version }: Condemned,
): Promise<boolean> {
  const listed = item.objects.find(({ path }) => path === 'model.json');
  if (listed === undefined) return true;
  if (await store.removeState(listed.name, listed.etag, signal)) sum.add(listed.size);
  // Also this very removal, whose answer got lost, finds nothing any more.
  else if ((await findVersion(store, layout, version, signal)) !== undefined) return false;
  return true;
}

async function removeFiles({ managed, sum, signal }: Work, { objects }: PruneItem): Promise<void> {
  const files = objects.filter(({ path }) => path.startsWith('files/'));
  await inParallel(files, async ({ name, size }) => {
    await managed.store.remove(name, signal);
    sum.add(size);
  });
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

async function inParallel<In, Out>(items: readonly In[], work: (item: In) => Promise<Out>): Promise<readonly Out[]> {
  const slots = new Slots(REQUESTS_AT_ONCE);
  return Promise.all(items.map((item) => slots.run(() => work(item))));
}
