import { CheckFailed } from '../../lib/kube/strategies/check.ts';
import type { PodAddress, VersionCheck } from '../../lib/kube/strategies/check.ts';
import { encodeRequest } from '../../lib/probe/cases/embedded-files.ts';
import { percentile } from '../../lib/probe/latency.ts';
import { formatMeasure } from '../../lib/probe/limits.ts';
import type { ServiceRequest } from '../../lib/probe/service.ts';
import type { ServiceChecks } from '../../lib/agent/service-checks.ts';
import { podService } from './pod-service.ts';

/** Differences below are those of any two moments, in milliseconds. */
const NOISE = 10;
/** A load is of as many cases as this, in turn. */
const MOST_CASES = 100;

export interface LatencyRule {
  /** How much slower than the stable version the new one may be: 1.5 is by half. */
  readonly ratio: number;
  /** Requests to each version. */
  readonly requests: number;
}

/** Holds the 95th percentile of the new version's answers against the stable version's, both measured at the same time. */
export function latencyCheck(checks: ServiceChecks, { ratio, requests }: LatencyRule): VersionCheck {
  return {
    title: `latency at most ${ratio} times that of the stable version`,
    run: async ({ next, stable }, signal) => {
      if (stable.length === 0) return 'not compared, for no stable pod serves';
      const wanted = await requestsOf(checks);
      const [fresh, old] = await Promise.all([next, stable].map((pods) => measure(pods, wanted, requests, signal)));
      const seen = `p95 ${formatMeasure('p95', fresh ?? Number.NaN)}, stable ${formatMeasure('p95', old ?? Number.NaN)}`;
      const isSlower = fresh !== undefined && old !== undefined && fresh > old * ratio && fresh - old > NOISE;
      if (isSlower || fresh === undefined) throw new CheckFailed(seen);
      return seen;
    },
  };
}

async function requestsOf({ caseFile, scorePath, checks }: ServiceChecks): Promise<readonly ServiceRequest[]> {
  if (caseFile === undefined) return [{ method: 'GET', path: checks[0]?.path ?? '/' }];
  return Promise.all(
    caseFile.cases.slice(0, MOST_CASES).map(async (each) => {
      const { body, contentType } = await encodeRequest(each, caseFile.folder);
      return { method: 'POST', path: scorePath, headers: { 'content-type': contentType }, body } as const;
    }),
  );
}

/** One request after the other, to each pod in turn. The time that failed ones took does not count. */
async function measure(
  pods: readonly PodAddress[],
  wanted: readonly ServiceRequest[],
  count: number,
  signal: AbortSignal,
): Promise<number | undefined> {
  const services = pods.map(podService);
  const times: number[] = [];
  for (let index = 0; index < count; index++) {
    const [service, request] = [services[index % services.length], wanted[index % wanted.length]];
    if (service === undefined || request === undefined) continue;
    const reply = await service(request, signal);
    if (reply.kind === 'answer' && reply.status < 500) times.push(reply.milliseconds);
  }
  return times.length === 0
    ? undefined
    : percentile(
        times.toSorted((one, other) => one - other),
        95,
      );
}
