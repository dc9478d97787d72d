import { histogramOf } from '../../lib/probe/histogram.ts';
import type { CheckResult } from '../../lib/probe/result.ts';
import type { TestReport } from './test-service.ts';

/** In the attachment; the Tests tab has them all. */
const MOST_FAILURES = 100;

/** What a run found out, for the JSON attachment, and for a later run to compare with. */
export interface TestFacts extends Readonly<Record<string, unknown>> {
  readonly target: string;
  readonly image: string | undefined;
  readonly passed: number;
  readonly failed: number;
  /** Wrong values that only counted in a metric. */
  readonly excused: number;
  readonly accuracy: number | undefined;
  readonly meanAbsoluteError: number | undefined;
  /** Times in milliseconds, memory in bytes, throughput in requests a second, the error rate from 0 to 1. */
  readonly measurements: TestReport['measurements'];
  readonly failures: readonly Pick<CheckResult, 'kind' | 'name' | 'problem'>[];
}

export function factsOf({ target, image, results, metrics, latency, measurements, failure }: TestReport): TestFacts {
  const counted = (outcome: CheckResult['outcome']): number =>
    results.filter((each) => each.outcome === outcome).length;
  const broken = results.filter(({ outcome }) => outcome === 'failed').slice(0, MOST_FAILURES);
  return {
    target,
    image,
    failure: failure?.code,
    passed: counted('passed'),
    failed: counted('failed'),
    excused: counted('excused'),
    accuracy: metrics.accuracy,
    meanAbsoluteError: metrics.meanAbsoluteError,
    measurements: rounded(measurements),
    load: latency && {
      requests: latency.requests,
      concurrency: latency.concurrency,
      errors: latency.errors,
      firstError: latency.firstError,
    },
    histogram: latency && histogramOf(latency.times),
    failures: broken.map(({ kind, name, problem }) => ({ kind, name, problem })),
  };
}

/** More digits than these were not measured. */
function rounded(measurements: TestReport['measurements']): TestReport['measurements'] {
  const entries = Object.entries(measurements).filter(([, value]) => Number.isFinite(value));
  return Object.fromEntries(
    entries.map(([name, value]) => [name, Number(value.toPrecision(name === 'memory' ? 12 : 5))]),
  );
}
