import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

/** What a suite leaves behind for the last words of a run. */
export interface SuiteResult {
  readonly suite: string;
  readonly failures: readonly { readonly title: string; readonly why: string }[];
  readonly times: readonly { readonly title: string; readonly ms: number }[];
}

/** So many of the slowest tests of a suite are told, and none that is quicker than half a second. */
const SLOWEST = 10;
const SLOW = 500;

/** The last words of a run: where its time went, then what failed. Whoever sees only the end of a log sees this. */
export function lastWords(folder: string, suites: readonly string[]): readonly string[] {
  const results = suites.map((suite) => ({ suite, result: resultOf(folder, suite) }));
  const failed = results.flatMap(({ suite, result }) => failuresOf(suite, result));
  return [
    ...results.flatMap(({ result }) => (result === undefined ? [] : slowestOf(result))),
    ...(failed.length > 0 ? ['', 'Failed:', ...failed] : []),
  ];
}

function resultOf(folder: string, suite: string): SuiteResult | undefined {
  const file = join(folder, `${suite}.json`);
  return existsSync(file) ? (JSON.parse(readFileSync(file, 'utf8')) as SuiteResult) : undefined;
}

function slowestOf({ suite, times }: SuiteResult): readonly string[] {
  const slow = times.filter(({ ms }) => ms >= SLOW).toSorted((one, other) => other.ms - one.ms);
  if (slow.length === 0) return [];
  const total = times.reduce((sum, { ms }) => sum + ms, 0);
  return [
    `Slowest of ${suite} (${seconds(total)} in tests):`,
    ...slow.slice(0, SLOWEST).map(({ title, ms }) => `  ${seconds(ms).padStart(8)}  ${title}`),
  ];
}

function failuresOf(suite: string, result: SuiteResult | undefined): readonly string[] {
  if (result === undefined) return [`  ${suite}: ended without a result; see above`];
  return result.failures.flatMap(({ title, why }) => [`  ${suite}: ${title}`, `    ${why}`]);
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
