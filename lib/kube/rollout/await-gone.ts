import type { Footprint } from '../application/footprint.ts';
import type { LiveView } from '../readiness/live-view.ts';

/** How long what is being removed may take to be gone before that is just told, in milliseconds. */
const LEAVING = 60_000;

/** A pod takes a while to be gone, a namespace a while longer. Returns what is still there when patience ends. */
export async function awaitGone(
  removed: readonly Footprint[],
  view: LiveView,
  signal: AbortSignal,
): Promise<readonly Footprint[]> {
  const end = Date.now() + LEAVING;
  for (;;) {
    const left = removed.filter(({ ref }) => view.object(ref) !== undefined);
    if (left.length === 0 || signal.aborted || Date.now() > end) return left;
    await view.changed(500);
  }
}
