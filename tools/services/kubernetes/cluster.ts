// A Kubernetes cluster: the one MODEL_DELIVERY_KUBECONFIG names, a running one of kind, else a real single node here.
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { findDocker, startDocker } from '../docker-engine.ts';
import { isRunning, stopKept } from '../processes.ts';
import type { Progress } from '../stages.ts';
import { exists, statePath } from '../state-folder.ts';
import { apiAnswers, type ApiAccess, isNodeReady } from './api.ts';
import { kubernetesPrograms } from './build.ts';
import { CONTROL_PLANE, startControlPlane } from './control-plane.ts';
import { apiServer, ensureCredentials, KUBECONFIG } from './credentials.ts';
import { findKindCluster, findNamedCluster, NAMED_BY } from './found-cluster.ts';
import { NODE, startNode, stopNode } from './node.ts';

/** A running cluster. */
export interface Cluster {
  /** Path of a kubeconfig with full rights. */
  readonly kubeconfig: string;
  /** URL of its API server. */
  readonly server: string;
}

/** Names of its processes when it was started here. */
export const CLUSTER_PROCESSES: readonly string[] = [...CONTROL_PLANE, ...NODE];

/** The cluster that is to be used, when it answers. */
export async function findCluster(): Promise<Cluster | undefined> {
  if (process.env[NAMED_BY] !== undefined) return await findNamedCluster();
  return (await findOwn()) ?? (CLUSTER_PROCESSES.some(isRunning) ? undefined : await findKindCluster());
}

/** Finds the cluster that runs, or builds and starts one. */
export async function startCluster(progress: Progress): Promise<Cluster> {
  const found = await findCluster();
  if (found !== undefined) return found;
  if (process.env[NAMED_BY] !== undefined) {
    throw new DeliveryError('CLUSTER_UNREACHABLE', {
      message: `The cluster of the kubeconfig that ${NAMED_BY} names does not answer.`,
      remedy: 'Start that cluster, or unset the variable to have one set up here.',
    });
  }
  await setUp(progress);
  return own();
}

async function setUp(progress: Progress): Promise<void> {
  if (process.platform !== 'linux') {
    throw new DeliveryError('SETUP_NEEDS_LINUX', {
      message: 'A cluster can be set up by itself on Linux only.',
      remedy: `Run "kind create cluster", or name the kubeconfig of another cluster by ${NAMED_BY}.`,
    });
  }
  const programs = await kubernetesPrograms(progress);
  const docker = await startDocker(progress);
  await startControlPlane(programs, await ensureCredentials(), progress);
  await startNode(programs, docker, progress);
}

/** Stops the cluster that was set up here; its objects stay on disk for the next start. */
export async function stopCluster(): Promise<boolean> {
  const stopped = [await stopNode(await findDocker())];
  for (const name of [...CONTROL_PLANE].reverse()) stopped.push(await stopKept(name));
  return stopped.includes(true);
}

/** The cluster that was set up here, when it runs whole and its node takes pods. */
async function findOwn(): Promise<Cluster | undefined> {
  if (!CLUSTER_PROCESSES.every(isRunning)) return undefined;
  const access = await savedAccess();
  if (access === undefined) return undefined;
  const [answers, takesPods] = await Promise.all([apiAnswers(access), isNodeReady(access)]);
  return answers && takesPods ? own() : undefined;
}

function own(): Cluster {
  return { kubeconfig: KUBECONFIG, server: apiServer() };
}

async function savedAccess(): Promise<ApiAccess | undefined> {
  return (await exists(statePath('cluster', 'credentials.json'))) ? await ensureCredentials() : undefined;
}
