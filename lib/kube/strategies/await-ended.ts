import type { Footprint } from '../application/footprint.ts';
import type { KubeObject, Pod } from '../objects.ts';
import type { LiveView } from '../readiness/live-view.ts';
import type { Surroundings } from '../readiness/verdict.ts';
import { isTemporary } from './temporary.ts';
import { podsOf } from './version-pods.ts';

/** How long Kubernetes may take to tell all pods to end before that is just told, in milliseconds. */
const TELLING = 60_000;

/** How it stands with what was made for the time of a rollout, and is being removed. */
export interface Departure {
  /** Not told to end yet, so perhaps still reached. */
  readonly late: readonly Footprint[];
  /** Pods that were told to end and have not yet. */
  readonly ending: readonly Pod[];
}

/**
 * Waits until what is being removed no longer serves: it is gone, or all of its pods have been told to end, and Kubernetes
 * sends requests to none of them. That they are gone is not waited for where their names are needed for nothing else: a
 * program that ignores `SIGTERM`, as most do that run as process 1, is left alone for its whole grace period (30 s by
 * default), and a node clears up after a pod every 10 s only.
 *
 * @param removed what a run made beside the stable version
 */
export async function awaitEnded(
  removed: readonly Footprint[],
  view: LiveView,
  signal: AbortSignal,
): Promise<Departure> {
  const end = Date.now() + TELLING;
  for (;;) {
    const left = removed.flatMap((footprint) => {
      const live = view.object(footprint.ref);
      return live === undefined ? [] : [{ footprint, live }];
    });
    const around = view.around();
    const late = left.filter(({ footprint, live }) => !(isTemporary(footprint) && isEnding(live, around)));
    if (late.length === 0 || signal.aborted || Date.now() > end) {
      const ending = left.flatMap(({ live }) => podsOf(live, around)).filter(isToldToEnd);
      return { late: late.map(({ footprint }) => footprint), ending };
    }
    await view.changed(500);
  }
}

/** Whether nothing is left of a Deployment but pods that end. */
function isEnding(live: KubeObject, around: Surroundings): boolean {
  return live.kind === 'Deployment' && isToldToEnd(live) && podsOf(live, around).every(isToldToEnd);
}

function isToldToEnd({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}
