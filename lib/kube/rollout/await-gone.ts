import { titleOfRef } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import type { LiveView } from '../readiness/live-view.ts';
import type { RolloutReporter } from '../reporter.ts';

/** How long what is being removed may take to be gone before that is just told, in milliseconds. */
const LEAVING = 60_000;
/** Whoever reads along wants to know what is waited for from so many milliseconds on. */
const UNTOLD = 3_000;

/**
 * Waits until what was removed is gone, so that the next run finds its names free. A workload is there until the last of its
 * pods is: after its grace period, and when its node has cleared up, which a kubelet looks after every 10 s only.
 *
 * @returns what is still there when patience ends
 */
export async function awaitGone(
  removed: readonly Footprint[],
  {
    view,
    reporter,
    signal,
  }: { readonly view: LiveView; readonly reporter: RolloutReporter; readonly signal: AbortSignal },
): Promise<readonly Footprint[]> {
  const start = Date.now();
  for (let isTold = false; ;) {
    const left = removed.filter(({ ref }) => view.object(ref) !== undefined);
    const waited = Date.now() - start;
    if (left.length === 0 || signal.aborted || waited > LEAVING) return left;
    if (!isTold && waited > UNTOLD) {
      isTold = true;
      reporter.line(`Waiting until ${left.map(({ ref }) => titleOfRef(ref)).join(', ')} is gone, pods and all …`);
    }
    await view.changed(500);
  }
}
