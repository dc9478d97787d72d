// The node: kubelet and kube-proxy, with pods in the Docker engine.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { ask, run } from '../commands.ts';
import type { DockerEngine } from '../docker-engine.ts';
import { ensureDebianPackages } from '../debian-packages.ts';
import { keepRunning, waitUntilReady } from '../processes.ts';
import type { Progress } from '../stages.ts';
import { statePath } from '../state-folder.ts';
import { isNodeReady } from './api.ts';
import { ensureCredentials, KUBECONFIG } from './credentials.ts';

/** Names of its processes, in the order in which they start. */
export const NODE = ['kubelet', 'kube-proxy'] as const;

const PAUSE_IMAGE = 'model-delivery/pause:1';
/** The node's name is the address under which the API server asks it for logs. */
const NODE_NAME = '127.0.0.1';

/** Starts the node and waits until it takes pods. */
export async function startNode(programs: string, docker: DockerEngine, progress: Progress): Promise<void> {
  await ensureDebianPackages(['iptables', 'conntrack', 'mount', 'util-linux'], progress);
  await progress.stage('Starting the Kubernetes node', async () => {
    await importPause(join(programs, 'pause'), docker);
    await mkdir(statePath('cluster'), { recursive: true });
    startKubelet(join(programs, 'kubelet'), docker, await writeKubeletConfiguration(docker));
    keepRunning({
      name: 'kube-proxy',
      command: join(programs, 'kube-proxy'),
      args: ['--config', await writeProxyConfiguration()],
    });
    const access = await ensureCredentials();
    await waitUntilReady('kubelet', async () => await isNodeReady(access), 60);
  });
}

/** Removes the containers that the kubelet made. */
export async function removePods(docker: DockerEngine): Promise<void> {
  const filter = ['--filter', 'label=io.kubernetes.pod.uid'];
  const ids = await ask('docker', ['-H', docker.host, 'ps', '-aq', ...filter]);
  const containers = ids?.split('\n').filter((id) => id !== '') ?? [];
  if (containers.length > 0) await ask('docker', ['-H', docker.host, 'rm', '-f', ...containers]);
}

/** Makes the image that holds a pod's namespaces out of one static program. */
async function importPause(program: string, docker: DockerEngine): Promise<void> {
  const present = await ask('docker', ['-H', docker.host, 'image', 'inspect', PAUSE_IMAGE]);
  if (present !== undefined) return;
  const command = `tar -C "$1" -c pause | docker -H "$2" import -c 'ENTRYPOINT ["/pause"]' - "$3"`;
  await run('sh', ['-c', command, 'sh', join(program, '..'), docker.host, PAUSE_IMAGE], { log: 'kubelet-setup' });
}

function startKubelet(command: string, docker: DockerEngine, configuration: string): void {
  keepRunning({
    name: 'kubelet',
    command,
    args: [
      `--config=${configuration}`,
      `--kubeconfig=${KUBECONFIG}`,
      `--hostname-override=${NODE_NAME}`,
      '--container-runtime=docker',
      `--docker-endpoint=${docker.host}`,
      `--pod-infra-container-image=${PAUSE_IMAGE}`,
      `--root-dir=${statePath('cluster', 'kubelet')}`,
      `--cert-dir=${statePath('cluster', 'kubelet-certificates')}`,
      '--register-node=true',
    ],
  });
}

async function writeKubeletConfiguration(docker: DockerEngine): Promise<string> {
  const driver = await ask('docker', ['-H', docker.host, 'info', '--format', '{{.CgroupDriver}}']);
  const file = statePath('cluster', 'kubelet.yml');
  await writeFile(
    file,
    stringify({
      apiVersion: 'kubelet.config.k8s.io/v1beta1',
      kind: 'KubeletConfiguration',
      address: '127.0.0.1',
      healthzPort: 0,
      readOnlyPort: 0,
      authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
      authorization: { mode: 'AlwaysAllow' },
      cgroupDriver: driver ?? 'cgroupfs',
      cgroupsPerQOS: false,
      enforceNodeAllocatable: [],
      failSwapOn: false,
      // Set-up must not clean a developer's disk, nor refuse pods because it is nearly full.
      imageGCHighThresholdPercent: 100,
      evictionHard: { 'memory.available': '50Mi', 'nodefs.available': '1%', 'imagefs.available': '1%' },
      // Pods use no cluster DNS here: names outside the cluster resolve as on the machine.
      clusterDomain: 'cluster.local',
      // Images come from a registry on this machine; without limits a rollout of many pods is not throttled.
      registryPullQPS: 0,
      syncFrequency: '10s',
      nodeStatusUpdateFrequency: '5s',
    }),
  );
  return file;
}

async function writeProxyConfiguration(): Promise<string> {
  const file = statePath('cluster', 'kube-proxy.yml');
  await writeFile(
    file,
    stringify({
      apiVersion: 'kubeproxy.config.k8s.io/v1alpha1',
      kind: 'KubeProxyConfiguration',
      mode: 'iptables',
      hostnameOverride: NODE_NAME,
      clientConnection: { kubeconfig: KUBECONFIG },
      clusterCIDR: '172.17.0.0/16',
      healthzBindAddress: '127.0.0.1:10256',
      metricsBindAddress: '127.0.0.1:10249',
      // The kernel's own limits stay: changing them is not allowed in a container.
      conntrack: { maxPerCore: 0, min: 0, tcpEstablishedTimeout: '0s', tcpCloseWaitTimeout: '0s' },
      iptables: { minSyncPeriod: '0s', syncPeriod: '30s' },
    }),
  );
  return file;
}
