import type { NamedChannel } from './channel.ts';
import type { Deprecation } from './deprecation.ts';
import type { Manifest } from './manifest.ts';
import type { StoredObject } from './stores/object-store.ts';

/** What an attempt that failed has left goes after this time without a sign of life, in milliseconds. */
const LEFTOVERS_STAY = 24 * 3_600_000;

/** An object that belongs to a version. */
export interface VersionObject extends StoredObject {
  /** Its name below the version, such as `model.json`. */
  readonly path: string;
}

/** All that a store has under the name of a version. */
export interface VersionState {
  readonly version: string;
  readonly objects: readonly VersionObject[];
  /** Undefined where there is no version, only what an attempt has left; `unreadable` where nobody can tell. */
  readonly manifest: Manifest | 'unreadable' | undefined;
  readonly deprecation: Deprecation | undefined;
}

/** What becomes of a version, or of what failed attempts have left under its name, and why. */
export interface PruneItem {
  readonly version: string;
  readonly what: 'version' | 'leftovers';
  readonly verdict: 'goes' | 'stays';
  /** Half a sentence. */
  readonly why: string;
  /** Undefined for leftovers, and where the version's manifest cannot be read. */
  readonly created: Date | undefined;
  /** Bytes of all that it is made of. */
  readonly size: number;
  readonly objects: readonly VersionObject[];
}

/**
 * Decides what goes. The newest `keep` versions stay, and all that channels name; deprecated ones count as older than all others.
 * What failed attempts have left goes once nothing has happened to it for a day.
 */
export function planPrune(
  states: readonly VersionState[],
  channels: readonly NamedChannel[],
  { keep, now }: { readonly keep: number; readonly now: Date },
): readonly PruneItem[] {
  const whole = states.filter(isWhole).sort(byWorth);
  const kept = new Set(whole.slice(0, keep).map(({ version }) => version));
  return [
    ...whole.map((state) => itemOf(state, kept, channels, keep)),
    ...states.filter(({ manifest }) => manifest === 'unreadable').map(unreadableItem),
    ...states.flatMap((state) => leftoversOf(state, now)),
  ];
}

type WholeVersion = VersionState & { readonly manifest: Manifest };

function isWhole(state: VersionState): state is WholeVersion {
  return state.manifest !== undefined && state.manifest !== 'unreadable';
}

/** Good ones before deprecated ones, then the newest first. */
function byWorth(a: WholeVersion, b: WholeVersion): number {
  return (
    Number(a.deprecation !== undefined) - Number(b.deprecation !== undefined) ||
    b.manifest.created.getTime() - a.manifest.created.getTime() ||
    (a.version < b.version ? 1 : -1)
  );
}

function itemOf(
  { version, manifest, deprecation, objects }: WholeVersion,
  kept: ReadonlySet<string>,
  channels: readonly NamedChannel[],
  keep: number,
): PruneItem {
  const named = channels.filter((channel) => channel.version === version).map(({ name }) => name);
  const own = objects.filter(({ path }) => !isLeftover(path, manifest));
  const common = { version, what: 'version', created: manifest.created, size: sizeOf(own), objects: own } as const;
  if (named.length > 0) return { ...common, verdict: 'stays', why: `named by ${named.join(', ')}` };
  if (deprecation?.pruned !== undefined)
    return { ...common, verdict: 'goes', why: 'an earlier prune began to remove it' };
  if (kept.has(version)) return { ...common, verdict: 'stays', why: `among the newest ${keep}` };
  const why = deprecation === undefined ? `older than the newest ${keep}` : `deprecated: ${deprecation.reason}`;
  return { ...common, verdict: 'goes', why };
}

function unreadableItem({ version, objects }: VersionState): PruneItem {
  const common = { version, what: 'version', created: undefined, size: sizeOf(objects), objects } as const;
  return { ...common, verdict: 'stays', why: 'its model.json cannot be read' };
}

/** Files that no manifest names. They go together or not at all: while one of them is young, somebody is at work. */
function leftoversOf({ version, manifest, objects }: VersionState, now: Date): readonly PruneItem[] {
  if (manifest === 'unreadable') return [];
  const left = objects.filter(({ path }) => isLeftover(path, manifest));
  if (left.length === 0) return [];
  const old = left.every(({ modified }) => now.getTime() - modified.getTime() > LEFTOVERS_STAY);
  const common = { version, what: 'leftovers', created: undefined, size: sizeOf(left), objects: left } as const;
  return [
    old
      ? { ...common, verdict: 'goes', why: 'left by an attempt that failed' }
      : { ...common, verdict: 'stays', why: 'of an attempt within the last day' },
  ];
}

function isLeftover(path: string, manifest: Manifest | undefined): boolean {
  return path.startsWith('files/') && (manifest === undefined || !path.startsWith(`${manifest.folder}/`));
}

function sizeOf(objects: readonly StoredObject[]): number {
  return objects.reduce((sum, { size }) => sum + size, 0);
}
