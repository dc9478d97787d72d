/** How many times lie between two bounds, in milliseconds; the upper one belongs to the next. */
export interface Bucket {
  readonly from: number;
  readonly to: number;
  readonly count: number;
}

/** Bounds that people like: each about a quarter to a half above the one before. */
const STEPS = [1, 1.5, 2, 3, 5, 7];

/**
 * Sorts times into buckets whose bounds grow with the times, since those of services lie over orders of magnitude.
 *
 * @param times in milliseconds, ascending
 */
export function histogramOf(times: readonly number[]): readonly Bucket[] {
  const bounds = boundsOf(times[0] ?? Infinity, times.at(-1) ?? -Infinity);
  return bounds.slice(0, -1).map((from, index) => {
    const to = bounds[index + 1] ?? Infinity;
    return { from, to, count: times.filter((time) => time >= from && time < to).length };
  });
}

function boundsOf(least: number, most: number): readonly number[] {
  const bounds: number[] = [];
  for (let power = -2; power <= 7; power += 1)
    bounds.push(...STEPS.map((step) => Number((step * 10 ** power).toPrecision(2))));
  const first = bounds.findLastIndex((bound) => bound <= least);
  const last = bounds.findIndex((bound) => bound > most);
  return [...(first < 0 ? [0] : []), ...bounds.slice(Math.max(0, first), last < 0 ? undefined : last + 1)];
}
