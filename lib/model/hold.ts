import { randomUUID } from 'node:crypto';
import type { ManagedStore, VersionName } from './managed-store.ts';

/** Whoever moves a channel needs seconds; a hold that is older than this, in milliseconds, is of one that was killed. */
const HOLD_LIFE = 3_600_000;
/** Longest that a hold may take to go, in milliseconds: the agent does not wait for long. */
const RELEASE_LIMIT = 3_000;

/**
 * Keeps a version from being pruned while a channel is made to name it. It is there before anybody looks whether the version
 * may be named, and goes when the channel names it; prune writes down what it is about to remove before it looks for holds
 * and then for channels. So one of the two always sees the other, even if whoever moves the channel is killed half way.
 */
export class Hold {
  readonly #managed: ManagedStore;
  readonly #name: string;
  #taken = false;

  constructor(managed: ManagedStore, { model, version }: VersionName, channel: string) {
    this.#managed = managed;
    this.#name = `${managed.layout.holds(model)}${version}/${channel}/${randomUUID()}`;
  }

  /** Takes the hold, once. */
  async take(signal: AbortSignal): Promise<void> {
    if (this.#taken) return;
    this.#taken = true;
    await this.#managed.store.write(this.#name, Buffer.from('{ "schemaVersion": 1 }\n'), 'absent', signal);
  }

  /** Lets go. One that stays all the same only keeps its version for an hour. */
  async release(): Promise<void> {
    if (!this.#taken) return;
    await this.#managed.store.remove(this.#name, AbortSignal.timeout(RELEASE_LIMIT)).catch(() => undefined);
  }
}

/** Versions of a model that are held now, with the channel that is about to name each. What killed ones have left is removed. */
export async function heldVersions(
  { store, layout }: ManagedStore,
  model: string,
  now: Date,
  signal: AbortSignal,
): Promise<ReadonlyMap<string, string>> {
  const held = new Map<string, string>();
  const at = layout.holds(model);
  for await (const { name, modified } of store.list(at, signal)) {
    const [version = '', channel = ''] = name.slice(at.length).split('/');
    if (now.getTime() - modified.getTime() < HOLD_LIFE) held.set(version, channel);
    else await store.remove(name, signal);
  }
  return held;
}
