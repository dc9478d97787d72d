// A Kubernetes cluster: the one MODEL_DELIVERY_KUBECONFIG names, else a real single node on this machine.
import { readFile } from 'node:fs/promises';
import { parse } from 'yaml';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { findDocker, startDocker } from '../docker-engine.ts';
import { isRunning, stopKept } from '../processes.ts';
import type { Progress } from '../stages.ts';
import { exists, statePath } from '../state-folder.ts';
import { kubernetesPrograms } from './build.ts';
import { apiAnswers, isNodeReady, type ApiAccess } from './api.ts';
import { API_SERVER, ensureCredentials, KUBECONFIG } from './credentials.ts';
import { CONTROL_PLANE, startControlPlane } from './control-plane.ts';
import { NODE, removePods, startNode } from './node.ts';

/** A running cluster. */
export interface Cluster {
  /** Path of a kubeconfig with full rights. */
  readonly kubeconfig: string;
  /** URL of its API server. */
  readonly server: string;
}

/** Finds the cluster that runs, or builds and starts one. */
export async function startCluster(progress: Progress): Promise<Cluster> {
  const named = process.env.MODEL_DELIVERY_KUBECONFIG;
  if (named !== undefined) return await namedCluster(named);
  if (!(await isClusterUp())) await setUp(progress);
  return { kubeconfig: KUBECONFIG, server: API_SERVER };
}

async function setUp(progress: Progress): Promise<void> {
  if (process.platform !== 'linux') {
    throw new DeliveryError('SETUP_NEEDS_LINUX', {
      message: 'A cluster can be set up by itself on Linux only.',
      remedy: 'Make one with kind or Docker Desktop and name its kubeconfig by MODEL_DELIVERY_KUBECONFIG.',
    });
  }
  const programs = await kubernetesPrograms(progress);
  const docker = await startDocker(progress);
  await startControlPlane(programs, await ensureCredentials(), progress);
  await startNode(programs, docker, progress);
}

/** Whether the cluster that was set up here runs whole and its node takes pods. */
export async function isClusterUp(): Promise<boolean> {
  if (![...CONTROL_PLANE, ...NODE].every(isRunning)) return false;
  const access = await savedAccess();
  return access !== undefined && (await apiAnswers(access)) && (await isNodeReady(access));
}

/** Stops the cluster that was set up here; its objects stay on disk for the next start. */
export async function stopCluster(): Promise<boolean> {
  const stopped: boolean[] = [];
  // The kubelet goes first, or it would start again what is removed after it.
  for (const name of [...NODE].reverse()) stopped.push(await stopKept(name));
  const docker = await findDocker();
  if (docker !== undefined) await removePods(docker);
  for (const name of [...CONTROL_PLANE].reverse()) stopped.push(await stopKept(name));
  return stopped.includes(true);
}

async function savedAccess(): Promise<ApiAccess | undefined> {
  return (await exists(statePath('cluster', 'credentials.json'))) ? await ensureCredentials() : undefined;
}

async function namedCluster(kubeconfig: string): Promise<Cluster> {
  const text = await readFile(kubeconfig, 'utf8').catch((cause: unknown) => {
    throw new DeliveryError('KUBECONFIG_NOT_FOUND', {
      message: `MODEL_DELIVERY_KUBECONFIG names ${kubeconfig}, which cannot be read.`,
      remedy: 'Correct the path, or unset the variable to have a cluster set up here.',
      cause,
    });
  });
  const { clusters } = parse(text) as { clusters?: { cluster?: { server?: string } }[] };
  return { kubeconfig, server: clusters?.[0]?.cluster?.server ?? '' };
}
