import type { ObjectRef } from '../client/resource.ts';
import type { KubeObject, Pod } from '../objects.ts';
import type { LiveView } from '../readiness/live-view.ts';
import type { RolloutReporter } from '../reporter.ts';
import { isOwned, isServing } from './version-pods.ts';

/** Pods that serve at a moment, by version. */
export interface PodCount {
  readonly old: number;
  readonly next: number;
}

/** One thing that happened. */
export interface Moment extends PodCount {
  /** Seconds since the rollout began. */
  readonly at: number;
  /** `step 10 %`, `switched`. */
  readonly what: string;
  /** What was checked and seen; empty where nothing was. */
  readonly checks: readonly string[];
  readonly failed: boolean;
  /** Nothing but the number of pods changed. */
  readonly isSample: boolean;
}

/** Keeps what happens during a rollout, for the picture in its summary. */
export class Timeline {
  readonly #now: () => number;
  readonly #started: number;
  readonly #moments: Moment[] = [];
  #count: () => PodCount = () => ({ old: 0, next: 0 });

  /** @param now a clock in milliseconds */
  constructor(now: () => number = Date.now) {
    this.#now = now;
    this.#started = now();
  }

  /** Counts pods by this from now on. */
  countBy(count: () => PodCount): void {
    this.#count = count;
  }

  /** Serving pods of both versions at this moment. */
  pods(): PodCount {
    return this.#count();
  }

  mark(what: string, checks: readonly string[] = [], failed = false): void {
    this.#keep({ what, checks, failed, isSample: false });
  }

  /** Keeps a moment if the pods are others than at the last one. */
  sample(what: string): void {
    const last = this.#moments.at(-1);
    const { old, next } = this.#count();
    if (last?.old !== old || last.next !== next) this.#keep({ what, checks: [], failed: false, isSample: true });
  }

  moments(): readonly Moment[] {
    return [...this.#moments];
  }

  #keep(moment: Omit<Moment, keyof PodCount | 'at'>): void {
    const at = Math.round((this.#now() - this.#started) / 100) / 10;
    this.#moments.push({ at, ...moment, ...this.#count() });
  }
}

/**
 * Counts pods that serve. Those of ReplicaSets with which the stable Deployments serve now are the old version; all that
 * come later, and those of the Deployments beside them, are the new one.
 */
export function podCounter(
  view: LiveView,
  stable: readonly ObjectRef[],
  beside: readonly ObjectRef[] = [],
): () => PodCount {
  const setsOf = (refs: readonly ObjectRef[]): readonly KubeObject[] => {
    const owners = refs.flatMap((ref) => view.object(ref) ?? []);
    return view.around().replicaSets.filter((set) => owners.some((owner) => isOwned(set, owner)));
  };
  const servingOf = (sets: readonly KubeObject[]): readonly Pod[] =>
    view.around().pods.filter((pod) => isServing(pod) && sets.some((set) => isOwned(pod, set)));
  // A ReplicaSet without pods is one of former times, and may become that of the new version.
  const known = new Set(servingOf(setsOf(stable)).flatMap(ownersOf));
  return () => {
    const pods = servingOf(setsOf([...stable, ...beside]));
    const old = pods.filter((pod) => ownersOf(pod).some((uid) => known.has(uid)));
    return { old: old.length, next: pods.length - old.length };
  };
}

function ownersOf({ metadata }: Pod): readonly string[] {
  return (metadata.ownerReferences ?? []).map(({ uid }) => uid);
}

/** A reporter whose news are a reason to look how many pods there are. */
export function sampling(reporter: RolloutReporter, timeline: Timeline): RolloutReporter {
  return {
    ...reporter,
    progress: (fraction, doing) => {
      timeline.sample(doing);
      reporter.progress(fraction, doing);
    },
  };
}
