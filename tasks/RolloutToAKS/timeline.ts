import { formatTime } from '../../lib/agent/quantities.ts';
import { escaped, table } from '../../lib/agent/markdown.ts';
import type { Moment } from '../../lib/kube/strategies/timeline.ts';

/** A longer bar would break its line. */
const LONGEST_BAR = 20;
/** Of more moments, those of which only the pods are told are thinned out. */
const MOST_ROWS = 24;

/**
 * What happened when, as a table with a bar for the pods of each version: the summary of a run shows neither SVG nor
 * Mermaid.
 */
export function timelineOf(moments: readonly Moment[]): string {
  const rows = thinned(moments);
  const most = Math.max(1, ...rows.map(({ old, next }) => old + next));
  const bar = (pods: number, cell: string): string =>
    pods === 0 ? '' : cell.repeat(Math.max(1, Math.round((pods * Math.min(most, LONGEST_BAR)) / most)));
  return table(
    ['After', 'What', 'Pods', 'Old', 'New', 'Seen'],
    rows.map(({ at, what, old, next, checks, failed }) => [
      formatTime(at * 1000),
      `${failed ? '❌ ' : ''}${escaped(what)}`,
      `${bar(old, '🟦')}${bar(next, '🟩')}`,
      String(old),
      String(next),
      checks.map(escaped).join('<br>'),
    ]),
  );
}

function thinned(moments: readonly Moment[]): readonly Moment[] {
  const excess = moments.length - MOST_ROWS;
  if (excess <= 0) return moments;
  const plain = moments.filter(({ isSample }) => isSample);
  const kept = new Set(
    plain.filter((_, index) => index % Math.ceil(plain.length / Math.max(1, plain.length - excess)) === 0),
  );
  return moments.filter((moment) => !moment.isSample || kept.has(moment));
}
