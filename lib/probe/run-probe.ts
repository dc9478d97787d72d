import { type Baseline, compareWithBaseline } from './baseline.ts';
import type { CaseFile } from './cases/case-file.ts';
import { encodeRequest } from './cases/embedded-files.ts';
import { type EndpointCheck, runEndpointChecks } from './endpoint-check.ts';
import { type Latency, type LoadRequest, measureLatency } from './latency.ts';
import { checkLimits, type Limit, type Measurements, parseLimit } from './limits.ts';
import { type Metrics, metricsOf } from './metrics.ts';
import { type CheckResult, failed, passed } from './result.ts';
import { type CaseOutcome, runCases } from './score.ts';
import type { Service } from './service.ts';

/** What to find out about a running service. */
export interface Probe {
  readonly checks: readonly EndpointCheck[];
  readonly scorePath: string;
  /** Undefined: nothing is scored, and no latency measured. */
  readonly caseFile: CaseFile | undefined;
  /** The least share of right answers; undefined: each answer must be right, unless `maximumError` is given. */
  readonly minimumAccuracy: number | undefined;
  /** The greatest mean absolute error. */
  readonly maximumError: number | undefined;
  readonly load: ProbeLoad;
}

/** How much of a load; `requests: 0` measures none. */
export interface ProbeLoad {
  readonly requests: number;
  readonly concurrency: number;
  readonly warmUp: number;
}

/** What was found out. */
export interface ProbeReport {
  readonly results: readonly CheckResult[];
  readonly metrics: Metrics;
  readonly latency: Latency | undefined;
}

/** Told how it goes. */
export interface ProbeListener {
  readonly onResult: (result: CheckResult) => void;
  readonly onProgress: (fraction: number, doing: string) => void;
}

/** A load is of requests that are in memory, for reading files would be measured as well: of so many bytes of them, in turn. */
const BODIES_LIMIT = 256 * 1024 * 1024;

/** Looks at a healthy service: its endpoints, the answers to score cases, and how fast they come. */
export async function runProbe(
  probe: Probe,
  service: Service,
  { onResult, onProgress }: ProbeListener,
  signal: AbortSignal,
): Promise<ProbeReport> {
  const endpoints = await runEndpointChecks(probe.checks, service, signal);
  endpoints.forEach(onResult);
  const outcomes = await score(probe, service, { onResult, onProgress }, signal);
  const metrics = metricsOf(outcomes);
  const judged = judgeMetrics(probe, metrics);
  judged.forEach(onResult);
  const latency = await measure(probe, service, onProgress, signal);
  return { results: [...endpoints, ...outcomes, ...judged], metrics, latency };
}

async function score(
  { caseFile, scorePath, minimumAccuracy, maximumError }: Probe,
  service: Service,
  { onResult, onProgress }: ProbeListener,
  signal: AbortSignal,
): Promise<readonly CaseOutcome[]> {
  if (caseFile === undefined) return [];
  const { length } = caseFile.cases;
  const scoring = {
    path: scorePath,
    file: caseFile,
    wrongIsExcused: minimumAccuracy !== undefined || maximumError !== undefined,
    onOutcome: (outcome: CaseOutcome, index: number) => {
      onResult(outcome);
      onProgress((index + 1) / length, `${index + 1} of ${length} cases`);
    },
  };
  return runCases(scoring, service, signal);
}

function judgeMetrics({ minimumAccuracy, maximumError }: Probe, metrics: Metrics): readonly CheckResult[] {
  const { accuracy, meanAbsoluteError } = metrics;
  const judge = (name: string, actual: number | undefined, isGood: (value: number) => boolean): CheckResult => {
    const result = { kind: 'metric', name, milliseconds: 0 } as const;
    if (actual === undefined) return failed(result, 'cannot be told: not every case that expects a value got one');
    return isGood(actual) ? passed(result) : failed(result, `was ${Number(actual.toPrecision(6))}`);
  };
  return [
    ...(minimumAccuracy === undefined
      ? []
      : [judge(`accuracy >= ${minimumAccuracy}`, accuracy, (value) => value >= minimumAccuracy)]),
    ...(maximumError === undefined
      ? []
      : [judge(`mean absolute error <= ${maximumError}`, meanAbsoluteError, (value) => value <= maximumError)]),
  ];
}

async function measure(
  { caseFile, scorePath, load }: Probe,
  service: Service,
  onProgress: ProbeListener['onProgress'],
  signal: AbortSignal,
): Promise<Latency | undefined> {
  if (caseFile === undefined || load.requests === 0) return undefined;
  const requests = await loadRequests(caseFile);
  return measureLatency(
    {
      path: scorePath,
      requests,
      warmUp: load.warmUp,
      count: load.requests,
      concurrency: load.concurrency,
      onProgress: (done) => onProgress(done / load.requests, `${done} of ${load.requests} requests`),
    },
    service,
    signal,
  );
}

async function loadRequests({ cases, folder }: CaseFile): Promise<readonly LoadRequest[]> {
  const requests: LoadRequest[] = [];
  let bytes = 0;
  for (const each of cases) {
    const request = await encodeRequest(each, folder);
    bytes += request.body.length;
    if (bytes > BODIES_LIMIT && requests.length > 0) break;
    requests.push({ ...request, status: each.status });
  }
  return requests;
}

/** What holds of a load unless a limit says otherwise. */
const ALL_ANSWERED = parseLimit('errorRate <= 0 %');

/** Holds what was measured against limits and an earlier run. */
export function judgeMeasurements(
  measured: Measurements,
  { limits, baseline }: { readonly limits: readonly Limit[]; readonly baseline: Baseline | undefined },
): readonly CheckResult[] {
  const isImplied = measured.errorRate !== undefined && !limits.some(({ measure }) => measure === 'errorRate');
  return [
    ...checkLimits(isImplied ? [ALL_ANSWERED, ...limits] : limits, measured),
    ...(baseline === undefined ? [] : compareWithBaseline(baseline, measured)),
  ];
}
