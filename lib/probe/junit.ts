import { clipped } from './json-value.ts';
import type { CheckResult } from './result.ts';

/** Names under which the Tests tab groups results. */
const GROUPS: Readonly<Record<CheckResult['kind'], string>> = {
  health: 'Health',
  check: 'Endpoints',
  case: 'Score cases',
  metric: 'Metrics',
  latency: 'Latency',
};
/** In characters; the Tests tab shows no more of a message. */
const MESSAGE_LIMIT = 1_000;

/**
 * Writes results as a JUnit file, as the Tests tab of a run takes it. An excused result is a skipped one, which says why.
 *
 * @param title what was tested
 */
export function junitOf(title: string, results: readonly CheckResult[]): string {
  const counted = (outcome: CheckResult['outcome']): number =>
    results.filter((each) => each.outcome === outcome).length;
  const seconds = results.reduce((sum, { milliseconds }) => sum + milliseconds, 0) / 1000;
  const counts = `tests="${results.length}" failures="${counted('failed')}" skipped="${counted('excused')}" errors="0" time="${seconds.toFixed(3)}"`;
  return [
    '<?xml version="1.0" encoding="UTF-8"?>',
    `<testsuites ${counts}>`,
    `  <testsuite name="${escaped(title)}" ${counts}>`,
    ...results.map((result) => `    ${testCase(result)}`),
    '  </testsuite>',
    '</testsuites>',
    '',
  ].join('\n');
}

function testCase({ kind, name, outcome, problem = '', milliseconds }: CheckResult): string {
  const time = (milliseconds / 1000).toFixed(3);
  const open = `<testcase classname="${GROUPS[kind]}" name="${escaped(name)}" time="${time}"`;
  const message = escaped(problem);
  if (outcome === 'passed') return `${open}/>`;
  if (outcome === 'excused') return `${open}><skipped message="${message}; counts in the metric only"/></testcase>`;
  return `${open}><failure message="${message}">${message}</failure></testcase>`;
}

// What XML 1.0 cannot hold at all (2.2, "Characters"): most control characters, and halves of a surrogate pair.
// eslint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g;
const HALVES = /[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g;

function escaped(text: string): string {
  return clipped(text, MESSAGE_LIMIT)
    .replace(CONTROL, '\ufffd')
    .replace(HALVES, '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;');
}
