// The node: kubelet and kube-proxy, with pods in the Docker engine.
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { stringify } from 'yaml';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { ask, run } from '../commands.ts';
import { type Container, type DockerEngine, removeContainers } from '../docker-engine.ts';
import { ensureDebianPackages } from '../debian-packages.ts';
import { unmountBelow } from '../mounts.ts';
import { removeRules } from '../network-rules.ts';
import { isRunning, keepRunning, stopKept, waitUntilReady } from '../processes.ts';
import type { Progress } from '../stages.ts';
import { statePath } from '../state-folder.ts';
import { ADDRESS_RANGE } from './addresses.ts';
import { isNodeReady } from './api.ts';
import { KUBERNETES_VERSION } from './build.ts';
import { ensureCredentials, KUBECONFIG } from './credentials.ts';

/** Names of its processes, in the order in which they start. */
export const NODE = ['kubelet', 'kube-proxy'] as const;

const ADDRESS_ROUTE = ['local', ADDRESS_RANGE, 'dev', 'lo'];
const PAUSE_IMAGE = 'model-delivery/pause:1';
const FOLDER = statePath('cluster', 'kubelet');
/** The node's name is the address under which the API server asks it for logs. */
const NODE_NAME = '127.0.0.1';

/** Starts the node and waits until it takes pods. Throws {@link DeliveryError} `ENGINE_TOO_NEW`. */
export async function startNode(programs: string, docker: DockerEngine, progress: Progress): Promise<void> {
  await requireOldApi(docker);
  await ensureDebianPackages(['iptables', 'iproute2', 'conntrack', 'mount', 'util-linux'], progress);
  await progress.stage('Starting the Kubernetes node', async () => {
    await importPause(join(programs, 'pause'), docker);
    // An address that leads to no pod yet must not lead out of the machine.
    await run('ip', ['route', 'replace', ...ADDRESS_ROUTE], { log: 'kubelet-setup' });
    await mkdir(FOLDER, { recursive: true });
    // The API tells times in whole seconds.
    const since = isRunning('kubelet') ? new Date(0) : new Date(Math.floor(Date.now() / 1000) * 1000);
    startKubelet(join(programs, 'kubelet'), docker, await writeKubeletConfiguration(docker));
    keepRunning({
      name: 'kube-proxy',
      command: join(programs, 'kube-proxy'),
      args: ['--config', await writeProxyConfiguration()],
    });
    const access = await ensureCredentials();
    await waitUntilReady('kubelet', async () => await isNodeReady(access, since), 60);
  });
}

/** Stops the node with its pods, mounts and network rules; tells whether there was anything. */
export async function stopNode(docker: DockerEngine | undefined): Promise<boolean> {
  // The kubelet goes first, or it would start again what is removed after it.
  const stopped = [await stopKept('kubelet'), await stopKept('kube-proxy')].includes(true);
  if (stopped && docker !== undefined) {
    // An engine that was found may run the pods of another cluster as well: ours hang on our own sandboxes.
    const isSandbox = ({ image }: Container): boolean => image === PAUSE_IMAGE;
    await removeContainers(
      docker,
      (container, all) => isSandbox(container) || all.some((one) => isSandbox(one) && one.id === container.sandbox),
    );
  }
  if (stopped) {
    await removeRules(/\bKUBE-/);
    await ask('ip', ['route', 'delete', ...ADDRESS_ROUTE]);
  }
  await unmountBelow(FOLDER);
  return stopped;
}

/** The kubelet of this release speaks the Docker API up to 1.40, which today's engines have given up. */
async function requireOldApi({ host }: DockerEngine): Promise<void> {
  const least = await ask('docker', ['-H', host, 'version', '--format', '{{.Server.MinAPIVersion}}']);
  const [, minor = '0'] = /^1\.(\d+)$/.exec(least ?? '') ?? [];
  if (Number(minor) <= 40) return;
  throw new DeliveryError('ENGINE_TOO_NEW', {
    message: `The Docker engine at ${host} is too new for the node of Kubernetes ${KUBERNETES_VERSION}.`,
    remedy: 'Run "kind create cluster" and the command again: a cluster of kind is found and used.',
  });
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
      `--root-dir=${FOLDER}`,
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
      // Events are what a failed rollout is explained by; at the default of 5 a second, those of many pods at once come
      // too late. (0 does not lift the limit: the client takes it for its default.)
      eventRecordQPS: 1000,
      eventBurst: 1000,
      syncFrequency: '10s',
      nodeStatusUpdateFrequency: '5s',
      nodeStatusReportFrequency: '5s',
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
