import type { ServiceChecks } from '../../lib/agent/service-checks.ts';
import { CheckFailed } from '../../lib/kube/strategies/check.ts';
import type { PodAddress, VersionCheck } from '../../lib/kube/strategies/check.ts';
import type { CheckResult } from '../../lib/probe/result.ts';
import { runProbe } from '../../lib/probe/run-probe.ts';
import { latencyCheck } from './latency-check.ts';
import type { LatencyRule } from './latency-check.ts';
import { podService } from './pod-service.ts';

/** So many failed checks are told, each in a sentence; the rest is a number. */
const TOLD = 3;

/** What a new version has to show: HTTP checks and score cases on each of its pods, and latency beside the stable one. */
export function versionChecks(checks: ServiceChecks, latency: LatencyRule | undefined): readonly VersionCheck[] {
  const asks = checks.checks.length > 0 || checks.caseFile !== undefined;
  return [...(asks ? [serviceCheck(checks)] : []), ...(latency === undefined ? [] : [latencyCheck(checks, latency)])];
}

function serviceCheck(checks: ServiceChecks): VersionCheck {
  return {
    title: 'checks and score cases',
    run: async ({ next }, signal) => {
      if (next.length === 0) throw new Error('none of its pods can be reached');
      const results = await Promise.all(next.map((pod) => resultsOf(checks, pod, signal)));
      const failed = results.flat().filter(({ result }) => result.outcome === 'failed');
      if (failed.length > 0) throw new CheckFailed(complaintOf(failed));
      return `${results[0]?.length ?? 0} passed on ${next.length === 1 ? 'its pod' : `each of ${next.length} pods`}`;
    },
  };
}

interface PodResult {
  readonly pod: string;
  readonly result: CheckResult;
}

async function resultsOf(
  checks: ServiceChecks,
  address: PodAddress,
  signal: AbortSignal,
): Promise<readonly PodResult[]> {
  const nobody = { onResult: () => undefined, onProgress: () => undefined };
  const probe = { ...checks, load: { requests: 0, concurrency: 1, warmUp: 0 } };
  const { results } = await runProbe(probe, podService(address), nobody, signal);
  return results.map((result) => ({ pod: address.pod, result }));
}

function complaintOf(failed: readonly PodResult[]): string {
  const told = failed
    .slice(0, TOLD)
    .map(({ pod, result }) => `${result.name} ${result.problem ?? 'failed'} (pod ${pod})`);
  const more = failed.length - told.length;
  return `${told.join('; ')}${more > 0 ? `; and ${more} more` : ''}`;
}
