// What `succeeded()` and its kin mean for steps, and for jobs and stages.
import type { StatusTests } from './expression.ts';
import type { Dependent } from './order.ts';
import type { Outcome } from './outcome.ts';

const GOOD: ReadonlySet<Outcome> = new Set<Outcome>(['Succeeded', 'SucceededWithIssues']);

/** The tests as a step sees them: they ask about its job so far. */
export function stepStatus(job: Outcome, isCanceled: boolean): StatusTests {
  return {
    succeeded: () => !isCanceled && GOOD.has(job),
    failed: () => !isCanceled && job === 'Failed',
    succeededOrFailed: () => !isCanceled,
    canceled: () => isCanceled,
  };
}

/** The tests as a job or stage sees them: they ask about those that it depends on, and what these depended on. */
export function dependencyStatus<Item extends Dependent>(
  item: Item,
  all: readonly Item[],
  results: ReadonlyMap<string, Outcome>,
  isCanceled: boolean,
): StatusTests {
  const earlier = ancestors(item, all);
  const resultsOf = (names: readonly string[]): readonly Outcome[] =>
    (names.length > 0 ? names : earlier).map((name) => resultOf(name, results) ?? 'Skipped');
  return {
    succeeded: (names) => !isCanceled && resultsOf(names).every((result) => GOOD.has(result)),
    failed: (names) => !isCanceled && resultsOf(names).includes('Failed'),
    succeededOrFailed: (names) =>
      !isCanceled && resultsOf(names).every((result) => GOOD.has(result) || result === 'Failed'),
    canceled: () => isCanceled,
  };
}

function ancestors<Item extends Dependent>(item: Item, all: readonly Item[]): readonly string[] {
  const direct = item.dependsOn.flatMap((name) => all.find((other) => same(other.name, name)) ?? []);
  return [...new Set(direct.flatMap((other) => [other.name, ...ancestors(other, all)]))];
}

function resultOf(name: string, results: ReadonlyMap<string, Outcome>): Outcome | undefined {
  return [...results].find(([known]) => same(known, name))?.[1];
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}
