import type { AzureConnection } from '../azure/connection.ts';
import { AKS_APPLICATION, clusterOfId, openCluster } from '../azure/managed-cluster.ts';
import type { ClusterName } from '../azure/managed-cluster.ts';
import { DeliveryError } from '../errors/delivery-error.ts';
import { accessByServiceAccount, secretsOf } from '../kube/cluster-access.ts';
import type { ClusterAccess } from '../kube/cluster-access.ts';
import { readKubeconfig } from '../kube/kubeconfig.ts';
import type { RolloutReporter } from '../kube/reporter.ts';
import type { Agent } from './agent.ts';
import { azureSession, sessionOf } from './azure-session.ts';
import type { Inputs } from './inputs.ts';
import { networkOf } from './network.ts';

/**
 * How to reach the cluster that a task's inputs name: by a Kubernetes connection (`kubernetesConnection`), or by an Azure one
 * (`azureSubscription`, `resourceGroup`, `cluster`, `useClusterAdmin`, `usePublicFqdn`), as `connectionType` says. Its secrets
 * are hidden from the log; tokens of Microsoft Entra are renewed as long as the access is used.
 *
 * @throws DeliveryError `KUBECONFIG_INVALID`, `KUBECONFIG_CONTEXT_NOT_FOUND`, `KUBECONFIG_UNSUPPORTED`, `CONNECTION_MISSING`,
 *   `CONNECTION_INVALID`, `INPUT_MISSING`, `INPUT_INVALID`, and those of {@link openCluster} and of signing in
 */
export async function clusterAccess(agent: Agent): Promise<ClusterAccess> {
  return (await accessIfNamed(agent)) ?? byKubernetesConnection(agent, agent.inputs.text('kubernetesConnection'));
}

/**
 * The same for a task that may do without a cluster: undefined where its inputs name none.
 *
 * @param subscription the Azure connection, where the task has an input of its own for that; left out, `azureSubscription`
 */
export async function accessIfNamed(agent: Agent, subscription?: string): Promise<ClusterAccess | undefined> {
  const { inputs } = agent;
  const type = inputs.choice('connectionType', ['kubernetesServiceConnection', 'azureResourceManager']);
  if (type === 'azureResourceManager') return byAzure(agent, subscription ?? inputs.text('azureSubscription'));
  const connection = inputs.optionalText('kubernetesConnection');
  if (connection !== undefined) return byKubernetesConnection(agent, connection);
  if (inputs.optionalText('cluster') === undefined) return undefined;
  throw new DeliveryError('INPUT_INVALID', {
    message: 'The input cluster is given, but connectionType is kubernetesServiceConnection.',
    remedy: 'Set connectionType to azureResourceManager.',
  });
}

function byKubernetesConnection(agent: Agent, connectionId: string): ClusterAccess {
  const connection = agent.connections.kubernetes(connectionId);
  return ready(
    agent,
    connection.kind === 'kubeconfig'
      ? readKubeconfig(connection.kubeconfig, connection)
      : accessByServiceAccount(connection),
  );
}

async function byAzure(agent: Agent, connectionId: string): Promise<ClusterAccess> {
  const { inputs } = agent;
  const { connection, resources, identity } = azureSession(agent, connectionId);
  const { kubeconfig, surroundings } = await openCluster(resources, {
    ...clusterName(inputs, connection),
    asAdmin: inputs.flag('useClusterAdmin'),
    byPublicFqdn: inputs.flag('usePublicFqdn'),
    identity,
  });
  // What a cancelled run puts back takes tokens as well: nothing but the task's end ends this session.
  const tokens = sessionOf(agent, connection, new AbortController().signal).tokensFor(`${AKS_APPLICATION}/.default`);
  const entra = { application: AKS_APPLICATION, tokens: (refused?: string) => tokens.token(refused) };
  return ready(agent, { ...readKubeconfig(kubeconfig, { entra }), surroundings });
}

/** The cluster that inputs name: by its resource id, or by its name in a group of the connection's subscription. */
function clusterName(inputs: Inputs, { id, subscriptionId }: AzureConnection): ClusterName {
  const cluster = inputs.text('cluster');
  const named = clusterOfId(cluster);
  if (named !== undefined) return named;
  if (subscriptionId !== undefined) return { subscriptionId, resourceGroup: inputs.text('resourceGroup'), cluster };
  throw new DeliveryError('CONNECTION_INVALID', {
    message: `The service connection "${id}" is for a management group, so it does not say in which subscription ${cluster} is.`,
    remedy: 'Give the resource id of the cluster as the input cluster, or choose a connection for its subscription.',
  });
}

/** Hides the secrets of an access, and has it leave this machine as the agent wants it. */
function ready(agent: Agent, access: ClusterAccess): ClusterAccess {
  for (const secret of secretsOf(access)) agent.hide(secret);
  return { ...access, network: networkOf(agent) };
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
