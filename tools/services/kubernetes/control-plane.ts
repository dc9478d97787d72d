// The control plane: etcd, API server, controllers, scheduler, and the part that a cloud plays for load balancers.
import { join } from 'node:path';
import { findProgram } from '../commands.ts';
import { ensureDebianPackages } from '../debian-packages.ts';
import { requireFree } from '../ports.ts';
import { answersAt, isRunning, keepRunning, waitUntilReady } from '../processes.ts';
import type { Progress } from '../stages.ts';
import { statePath } from '../state-folder.ts';
import { type ApiAccess, apiAnswers } from './api.ts';
import { FILES, KUBECONFIG, PORT_VARIABLE, writeKubeconfig } from './credentials.ts';

/** Names of its processes, in the order in which they start. */
export const CONTROL_PLANE = [
  'etcd',
  'kube-apiserver',
  'kube-controller-manager',
  'kube-scheduler',
  'load-balancer',
] as const;

/** Starts the control plane and waits until its API answers. */
export async function startControlPlane(programs: string, access: ApiAccess, progress: Progress): Promise<void> {
  if (findProgram('etcd') === undefined) await ensureDebianPackages(['etcd-server'], progress);
  const apiPort = Number(new URL(access.server).port);
  if (!isRunning('kube-apiserver')) await requireFree(apiPort, PORT_VARIABLE);
  if (!isRunning('etcd')) for (const port of [apiPort + 1, apiPort + 2]) await requireFree(port, PORT_VARIABLE);
  await progress.stage('Starting the Kubernetes control plane', async () => {
    const etcd = await startEtcd(apiPort + 1);
    await startApiServer(join(programs, 'kube-apiserver'), etcd, access);
    await writeKubeconfig(access);
    startControllers(programs);
  });
}

async function startEtcd(port: number): Promise<string> {
  const client = `http://127.0.0.1:${port}`;
  const peer = `http://127.0.0.1:${port + 1}`;
  keepRunning({
    name: 'etcd',
    command: findProgram('etcd') ?? 'etcd',
    args: [
      ...['--name', 'etcd', '--data-dir', statePath('cluster', 'etcd'), '--log-level', 'warn'],
      ...['--listen-client-urls', client, '--advertise-client-urls', client],
      ...['--listen-peer-urls', peer, '--initial-advertise-peer-urls', peer, '--initial-cluster', `etcd=${peer}`],
      // What is kept here is for trials: speed matters more than a power cut.
      '--unsafe-no-fsync',
    ],
  });
  await waitUntilReady('etcd', async () => await answersAt(`${client}/health`, (status) => status === 200), 30);
  return client;
}

async function startApiServer(command: string, etcd: string, access: ApiAccess): Promise<void> {
  keepRunning({
    name: 'kube-apiserver',
    command,
    args: [
      `--etcd-servers=${etcd}`,
      '--bind-address=127.0.0.1',
      `--secure-port=${new URL(access.server).port}`,
      `--cert-dir=${FILES.certificates}`,
      '--service-cluster-ip-range=10.96.0.0/16',
      `--service-account-key-file=${FILES.serviceAccountKey}`,
      `--service-account-signing-key-file=${FILES.serviceAccountKey}`,
      '--service-account-issuer=https://kubernetes.default.svc',
      `--token-auth-file=${FILES.tokens}`,
      '--authorization-mode=RBAC',
      '--allow-privileged=true',
      // The server listens on loopback alone, which pods could not use as the Service "kubernetes".
      '--endpoint-reconciler-type=none',
      // Logs of pods are asked from the kubelet under the node's name, 127.0.0.1, where alone it listens.
      '--kubelet-preferred-address-types=Hostname',
    ],
  });
  await waitUntilReady('kube-apiserver', async () => await apiAnswers(access), 90);
}

function startControllers(programs: string): void {
  const options = [`--kubeconfig=${KUBECONFIG}`, '--leader-elect=false', '--port=0'];
  keepRunning({
    name: 'kube-controller-manager',
    command: join(programs, 'kube-controller-manager'),
    args: [
      ...options,
      '--secure-port=0',
      '--use-service-account-credentials=true',
      // Autoscalers act within seconds, so that a test sees within seconds what a cluster shows within minutes.
      '--horizontal-pod-autoscaler-sync-period=2s',
      '--horizontal-pod-autoscaler-downscale-stabilization=2s',
      '--horizontal-pod-autoscaler-initial-readiness-delay=1s',
      '--horizontal-pod-autoscaler-cpu-initialization-period=1s',
      `--service-account-private-key-file=${FILES.serviceAccountKey}`,
      `--root-ca-file=${FILES.certificate}`,
    ],
  });
  keepRunning({
    name: 'kube-scheduler',
    command: join(programs, 'kube-scheduler'),
    args: [...options, '--secure-port=0'],
  });
  keepRunning({
    name: 'load-balancer',
    command: process.execPath,
    args: [join(import.meta.dirname, 'load-balancer.ts')],
  });
}
