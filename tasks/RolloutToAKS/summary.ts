import { code, escaped, table } from '../../lib/agent/markdown.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { previewLines } from '../../lib/kube/rollout/preview.ts';
import type { ReportedObject, RolloutReport, RolloutResult } from '../../lib/kube/rollout/report.ts';
import { timelineOf } from './timeline.ts';

const HEADLINES: Readonly<Record<RolloutResult, string>> = {
  deployed: '✅ Deployed',
  unchanged: '✅ Unchanged: everything was so already',
  rolledBack: '✅ Rolled back: an earlier revision serves again',
  previewed: '🔍 Previewed: nothing was changed',
  waiting: '⏸ Waiting: the new version stands beside the old one, until it is promoted or rejected',
  rejected: '❌ Rejected: the old version serves alone',
  inconclusive: '❌ Inconclusive: a check could not be carried out; the old version serves alone',
  refused: '❌ Refused: nothing was changed',
  restored: '❌ Failed, and restored: the version before is back',
  restoredUnhealthy: '❌ Failed: the version before is back, but not healthy',
  removed: '❌ Failed: what was created is removed again',
  notRestored: '❌ Failed, and not restored',
  kept: '❌ Failed, and left as it is',
};

/** The page that the run's summary tab shows of a rollout. */
export function summaryOf(report: RolloutReport): string {
  return [
    `## ${HEADLINES[report.result]}`,
    `${titleOf(report)} on ${report.server}, ${report.durationSeconds} s.`,
    ...failureOf(report.failure),
    ...bulleted('Reachable at', report.addresses),
    ...bulleted('Images that run', report.imageDigests.map(code)),
    ...(report.objects.length === 0 || report.result === 'previewed' ? [] : [tableOf(report.objects)]),
    ...(report.timeline.length < 2 ? [] : ['### Timeline', timelineOf(report.timeline)]),
    ...(report.changes.length === 0 ? [] : [folded('What was to be changed', fenced(previewLines(report.changes)))]),
    ...report.findings.map(({ title, lines }) => folded(title, fenced(lines))),
    '',
  ].join('\n\n');
}

function titleOf({ application, revision, objects }: RolloutReport): string {
  const at = revision === undefined ? '' : `, revision ${revision}`;
  return `${code(application)}${at}: ${objects.length} objects`;
}

function folded(title: string, content: string): string {
  return `<details><summary>${escaped(title)}</summary>\n\n${content}\n\n</details>`;
}

function failureOf(failure: Error | undefined): readonly string[] {
  if (failure === undefined) return [];
  if (!(failure instanceof DeliveryError)) return [escaped(failure.message)];
  return [`**${failure.code}**: ${escaped(failure.message)}`, escaped(failure.remedy)];
}

function bulleted(title: string, items: readonly string[]): readonly string[] {
  return items.length === 0 ? [] : [`**${title}**\n${items.map((item) => `\n- ${item}`).join('')}`];
}

function tableOf(objects: readonly ReportedObject[]): string {
  const rows = objects.map(({ title, namespace = '', change, ready, detail, readyAfterSeconds }) => {
    const when = readyAfterSeconds === undefined ? '' : `${readyAfterSeconds} s`;
    return [ready ? '✓' : '·', escaped(title), escaped(namespace), change, escaped(detail), when];
  });
  return table(['', 'Object', 'Namespace', 'Change', 'State', 'Ready after'], rows);
}

/** A block whose fence is longer than any run of backticks in it. */
function fenced(lines: readonly string[]): string {
  const text = lines.join('\n');
  const longest = Math.max(2, ...[...text.matchAll(/`+/g)].map(([run]) => run.length));
  const fence = '`'.repeat(longest + 1);
  return `${fence}text\n${text}\n${fence}`;
}
