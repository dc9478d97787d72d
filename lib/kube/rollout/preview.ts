import { titleOfRef } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import { describeChange, describeNew } from '../diff/describe.ts';
import type { RolloutReporter } from '../reporter.ts';
import type { Step } from './plan.ts';

/** More lines than this help nobody. */
const MAX_LINES = 500;

/** What will become of one object, as the server's dry run answers it. */
export interface PreviewedChange {
  readonly title: string;
  readonly change: 'created' | 'changed' | 'recreated' | 'removed';
  /** The fields that differ; of a new object all of them. Secrets are masked. */
  readonly lines: readonly string[];
}

/** What a rollout will change, without what stays as it is. */
export function previewOf(steps: readonly Step[], pruned: readonly Footprint[]): readonly PreviewedChange[] {
  return [
    ...steps.flatMap((step) => changeOf(step) ?? []),
    ...pruned.map(({ ref }) => ({ title: titleOfRef(ref), change: 'removed' as const, lines: [] })),
  ];
}

function changeOf({ title, before, desired, preview, recreates }: Step): PreviewedChange | undefined {
  if (before === undefined) return { title, change: 'created', lines: describeNew(desired) };
  const lines = describeChange(before, preview ?? desired);
  if (recreates === true) return { title, change: 'recreated', lines };
  return lines.length === 0 ? undefined : { title, change: 'changed', lines };
}

/** Shows in the log, folded, what will change. */
export function tellPreview(changes: readonly PreviewedChange[], total: number, reporter: RolloutReporter): void {
  const counts = (['created', 'changed', 'recreated', 'removed'] as const)
    .map((kind) => ({ kind, count: changes.filter(({ change }) => change === kind).length }))
    .filter(({ count }) => count > 0);
  const unchanged = total - changes.filter(({ change }) => change !== 'removed').length;
  const parts = [
    ...counts.map(({ kind, count }) => `${count} ${kind}`),
    ...(unchanged > 0 ? [`${unchanged} unchanged`] : []),
  ];
  reporter.group(`What will change: ${parts.join(', ')}`, previewLines(changes));
}

/** The whole preview in lines, at most so many. */
export function previewLines(changes: readonly PreviewedChange[]): readonly string[] {
  const lines = changes.flatMap(({ title, change, lines: own }) => [
    `${title} ${change}`,
    ...own.map((line) => `  ${line}`),
  ]);
  const more = lines.length - MAX_LINES;
  return more > 0 ? [...lines.slice(0, MAX_LINES), `… ${more} lines more`] : lines;
}
