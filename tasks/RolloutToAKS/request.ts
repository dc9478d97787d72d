import type { Agent } from '../../lib/agent/agent.ts';
import { clusterAccess } from '../../lib/agent/cluster.ts';
import { runIdentity } from '../../lib/agent/run-identity.ts';
import type { ClusterAccess } from '../../lib/kube/cluster-access.ts';
import type { Goal, RolloutRequest } from '../../lib/kube/rollout/request.ts';
import { manifestsOf } from './manifests.ts';
import { strategyOf } from './strategy.ts';

/** What the inputs ask for. */
export async function rolloutRequest(agent: Agent): Promise<RolloutRequest> {
  const { inputs } = agent;
  const access = await clusterAccess(agent);
  const namespace = inputs.optionalText('namespace');
  return {
    access,
    goal: await goalOf(agent, access, namespace ?? access.namespace ?? 'default'),
    strategy: await strategyOf(agent),
    namespace,
    createNamespace: inputs.flag('createNamespace'),
    applicationName: inputs.optionalText('applicationName'),
    run: runIdentity(agent),
    dryRun: inputs.flag('dryRun'),
    waitForOtherRunMinutes: inputs.integer('waitForOtherRunMinutes', { min: 0, max: 1440 }),
    timeoutMinutes: inputs.integer('timeoutMinutes', { min: 1, max: 1440 }),
    onFailure: inputs.choice('onFailure', ['restore', 'keep']),
    forceConflicts: inputs.flag('forceConflicts'),
    recreate: inputs.flag('recreate'),
    prune: inputs.flag('prune'),
  };
}

async function goalOf(agent: Agent, access: ClusterAccess, home: string): Promise<Goal> {
  const { inputs } = agent;
  const action = inputs.choice('action', ['deploy', 'promote', 'reject', 'rollback']);
  if (action === 'deploy') return { action, ...(await manifestsOf(agent, access, home)) };
  if (action !== 'rollback') return { action };
  return { action, revision: inputs.optionalInteger('revision', { min: 1, max: 1e9 }) };
}
