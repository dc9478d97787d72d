import { accessByServiceAccount, secretsOf } from '../kube/cluster-access.ts';
import type { ClusterAccess } from '../kube/cluster-access.ts';
import { readKubeconfig } from '../kube/kubeconfig.ts';
import type { RolloutReporter } from '../kube/reporter.ts';
import type { Agent } from './agent.ts';

/** How to reach the cluster of a `kubernetes` connection. The secrets in it are hidden from the log from now on. */
export function clusterOf(agent: Agent, connectionId: string): ClusterAccess {
  const connection = agent.connections.kubernetes(connectionId);
  const access =
    connection.kind === 'kubeconfig'
      ? readKubeconfig(connection.kubeconfig, connection.context)
      : accessByServiceAccount(connection);
  for (const secret of secretsOf(access)) agent.hide(secret);
  return access;
}

/** Tells the story of a rollout in the agent's log. */
export function reporterFor(agent: Agent): RolloutReporter {
  return {
    line: (text) => agent.log(text),
    group: (title, lines) => agent.logGroup(title, lines),
    warn: (text) => agent.warn(text),
    progress: (fraction, doing) => agent.progress(fraction, doing),
  };
}
