import type { Agent } from '../../lib/agent/agent.ts';
import { serviceChecks } from '../../lib/agent/service-checks.ts';
import type { Proof, Strategy } from '../../lib/kube/strategies/strategy.ts';
import { parseSteps } from '../../lib/kube/strategies/steps.ts';
import { versionChecks } from './checks.ts';

const MINUTES = { min: 0, max: 1440 };
/** Often enough to end a bad step soon, seldom enough to be no load. */
const MOST_OFTEN = 15_000;

/** How the new version shall take the old one's place. */
export async function strategyOf(agent: Agent): Promise<Strategy> {
  const { inputs } = agent;
  const kind = inputs.choice('strategy', ['rolling', 'canary', 'blueGreen']);
  if (kind === 'rolling') return { kind };
  const proof = await proofOf(agent);
  if (kind === 'canary') {
    const holdMs = (inputs.optionalNumber('stepMinutes', MINUTES) ?? 0) * 60_000;
    return { kind, ...proof, steps: parseSteps(inputs.text('steps')), holdMs };
  }
  return { kind, ...proof, keepMs: (inputs.optionalNumber('keepMinutes', MINUTES) ?? 0) * 60_000 };
}

async function proofOf(agent: Agent): Promise<Proof> {
  const { inputs } = agent;
  const ratio = inputs.optionalNumber('latencyRatio', { min: 1, max: 1000 });
  const requests = inputs.integer('latencyRequests', { min: 1, max: 10_000 });
  return {
    checks: versionChecks(await serviceChecks(agent), ratio === undefined ? undefined : { ratio, requests }),
    everyMs: MOST_OFTEN,
    promotion: inputs.choice('promotion', ['automatic', 'manual']),
  };
}
