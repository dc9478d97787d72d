import type { Footprint } from '../application/footprint.ts';
import type { KubeObject, Pod } from '../objects.ts';
import type { LiveView } from '../readiness/live-view.ts';
import { isDeployment } from './deployment.ts';
import { isTemporary } from './temporary.ts';

/** How long Kubernetes may take to tell all pods to end before that is just told, in milliseconds. */
const TELLING = 60_000;

/** How it stands with what stood beside the stable version and is being removed. */
export interface Departure {
  /** Not gone, or with pods that were not told to end, so perhaps still reached. */
  readonly late: readonly Footprint[];
  /** Pods that were told to end and have not yet. */
  readonly ending: readonly Pod[];
}

/**
 * Waits until what is being removed no longer serves: it is gone, and all of its pods have been told to end, so that
 * Kubernetes sends requests to none of them. Until they are gone is not waited: a program that ignores `SIGTERM`, as most do
 * that run as process 1, is left alone for its whole grace period (30 s by default), and after that its node clears up,
 * which a kubelet looks after every 10 s only.
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
    const { pods } = view.around();
    const podsOf = (footprint: Footprint): readonly Pod[] => pods.filter((pod) => isOfTwin(pod, footprint));
    const late = removed.filter(
      (footprint) => view.object(footprint.ref) !== undefined || !podsOf(footprint).every(isToldToEnd),
    );
    if (late.length === 0 || signal.aborted || Date.now() > end) {
      return { late, ending: removed.flatMap(podsOf).filter(isToldToEnd) };
    }
    await view.changed(500);
  }
}

/** Whether a pod is one of a Deployment that was made beside the stable one: the selectors of those are theirs alone. */
function isOfTwin({ metadata }: Pod, footprint: Footprint): boolean {
  const { ref, desired } = footprint;
  if (!isTemporary(footprint) || desired === undefined || !isDeployment(desired)) return false;
  const labels = Object.entries(desired.spec.selector.matchLabels ?? {});
  return metadata.namespace === ref.namespace && labels.every(([key, value]) => metadata.labels?.[key] === value);
}

function isToldToEnd({ metadata }: KubeObject): boolean {
  return metadata.deletionTimestamp !== undefined;
}
