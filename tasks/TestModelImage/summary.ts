import { code, escaped, facts as factTable, table } from '../../lib/agent/markdown.ts';
import { type Bucket, histogramOf } from '../../lib/probe/histogram.ts';
import type { Latency } from '../../lib/probe/latency.ts';
import { formatMeasure, type Measure } from '../../lib/probe/limits.ts';
import type { TestFacts } from './facts.ts';
import type { TestReport } from './test-service.ts';

/** Failures that the page shows; the Tests tab has them all. */
const SHOWN = 20;
/** Characters of the longest bar of the histogram. */
const BAR = 40;

/** The page that the run's summary tab shows of a test. */
export function summaryOf({ target, latency, failure }: TestReport, facts: TestFacts): string {
  return [
    `## ${headline(facts)}`,
    code(facts.image ?? target),
    ...(failure === undefined ? [] : [`**${failure.code}**: ${escaped(failure.message)}`]),
    factTable(measuredRows(facts)),
    ...failuresOf(facts),
    ...(latency === undefined || latency.times.length === 0 ? [] : picture(latency)),
    '',
  ].join('\n\n');
}

function headline({ passed, failed, excused }: TestFacts): string {
  const wrong =
    excused === 0 ? '' : `, ${excused} wrong ${excused === 1 ? 'value counts' : 'values count'} in the metric only`;
  return failed === 0
    ? `✅ ${passed} checks passed${wrong}`
    : `❌ ${failed} of ${passed + failed + excused} checks failed${wrong}`;
}

const TITLES: Readonly<Record<Measure, string>> = {
  start: 'Healthy after',
  p50: 'p50',
  p95: 'p95',
  p99: 'p99',
  max: 'Slowest',
  throughput: 'Throughput',
  errorRate: 'Errors',
  memory: 'Memory, at most',
};

function measuredRows({
  accuracy,
  meanAbsoluteError,
  measurements,
}: TestFacts): readonly (readonly [string, string])[] {
  const metric = (name: string, value: number | undefined): readonly (readonly [string, string])[] =>
    value === undefined ? [] : [[name, String(Number(value.toPrecision(4)))]];
  const measures = Object.entries(TITLES).flatMap(([measure, title]): [string, string][] => {
    const value = measurements[measure as Measure];
    return value === undefined ? [] : [[title, formatMeasure(measure as Measure, value)]];
  });
  return [...metric('Accuracy', accuracy), ...metric('Mean absolute error', meanAbsoluteError), ...measures];
}

function failuresOf({ failures, failed }: TestFacts): readonly string[] {
  if (failures.length === 0) return [];
  const rows = failures.slice(0, SHOWN).map(({ name, problem = '' }) => [code(name), code(problem)]);
  const more = failed > SHOWN ? [`The Tests tab has the other ${failed - SHOWN}.`] : [];
  return [table(['What failed', 'How'], rows), ...more];
}

/** A picture of letters: the summary tab shows neither scripts nor pictures that come with it. */
function picture({ times, requests, concurrency }: Latency): readonly string[] {
  const buckets = histogramOf(times);
  const most = Math.max(...buckets.map(({ count }) => count));
  const titles = buckets.map(boundsOf);
  const width = Math.max(...titles.map((title) => title.length));
  const lines = buckets.map(({ count }, index) => {
    const bar = '█'.repeat(Math.round((count / most) * BAR)) || (count > 0 ? '▏' : '');
    return `${(titles[index] ?? '').padStart(width)}  ${bar} ${count === 0 ? '' : count}`.trimEnd();
  });
  return [`**Latency** of ${requests} requests, ${concurrency} at a time`, ['```text', ...lines, '```'].join('\n')];
}

function boundsOf({ from, to }: Bucket): string {
  return `${from} – ${to} ms`;
}
