import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import Mocha from 'mocha';
import type { SuiteResult } from './results.ts';

const { EVENT_RUN_END, EVENT_TEST_FAIL, EVENT_TEST_PASS } = Mocha.Runner.constants;

interface ReporterOptions {
  readonly suite?: string;
  /** Folder for a file with the results, to be told once more when all suites are through. */
  readonly results?: string;
}

/** Mocha's spec reporter, closed by one plain line that a person or a script can read: `unit: 16 passed, 0 failed`. */
export default class SuiteReporter extends Mocha.reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    super(runner, options);
    const { suite = 'tests', results } = (options.reporterOptions ?? {}) as ReporterOptions;
    const failures: SuiteResult['failures'][number][] = [];
    const times: SuiteResult['times'][number][] = [];
    const timed = (test: Mocha.Test): unknown => times.push({ title: test.fullTitle(), ms: test.duration ?? 0 });
    runner.on(EVENT_TEST_PASS, timed);
    runner.on(EVENT_TEST_FAIL, (test, error: Error) => {
      timed(test);
      failures.push({ title: test.fullTitle(), why: whyOf(error) });
    });
    runner.once(EVENT_RUN_END, () => {
      const { passes, failures: failed, pending } = this.stats;
      const skipped = pending > 0 ? `, ${pending} skipped` : '';
      console.log(`${suite}: ${passes} passed, ${failed} failed${skipped}\n`);
      if (results === undefined) return;
      const result: SuiteResult = { suite, failures, times };
      writeFileSync(join(results, `${suite}.json`), JSON.stringify(result));
    });
  }
}

/** The first words of an error; of one that holds the log of a task, the task's own error too. */
function whyOf({ message, ...rest }: Error): string {
  const { actual, expected } = rest as { readonly actual?: unknown; readonly expected?: unknown };
  const lines = message
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '');
  // Where a line announces what comes, as in "did not match the regular expression /…/. Input:", that belongs to it.
  const first = lines.slice(0, lines[0]?.endsWith(':') === true ? 2 : 1).join(' ') || 'no message';
  const told = lines.find((line) => line.startsWith('##vso[task.logissue type=error'))?.replace(/^##vso\[.*?\]/, '');
  const values = [actual, expected].every((value) => ['string', 'number', 'boolean'].includes(typeof value));
  return [
    first.replaceAll('##vso[', '##['),
    ...(values ? [`${JSON.stringify(actual)} instead of ${JSON.stringify(expected)}`] : []),
    ...(told === undefined ? [] : [told]),
  ]
    .map((part) => (part.length > LONGEST ? `${part.slice(0, LONGEST)}…` : part))
    .join(' · ');
}
const LONGEST = 500;
