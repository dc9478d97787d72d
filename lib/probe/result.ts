/** What a run found out about one thing. */
export interface CheckResult {
  readonly kind: 'health' | 'check' | 'case' | 'metric' | 'latency';
  /** What was looked at, such as `GET /version $.model == 7` or the name of a case. */
  readonly name: string;
  /** `excused`: not as expected, but only counted in a metric, which decides. */
  readonly outcome: 'passed' | 'failed' | 'excused';
  /** Unless it passed, a clause whose subject is what was asked, such as `answered 500: “out of memory”`. */
  readonly problem: string | undefined;
  readonly milliseconds: number;
}

export function passed(result: Pick<CheckResult, 'kind' | 'name' | 'milliseconds'>): CheckResult {
  return { ...result, outcome: 'passed', problem: undefined };
}

export function failed(result: Pick<CheckResult, 'kind' | 'name' | 'milliseconds'>, problem: string): CheckResult {
  return { ...result, outcome: 'failed', problem };
}
