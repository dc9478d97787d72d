// Docker engine: the machine's own when one answers, else Debian's, started here.
import { readFileSync } from 'node:fs';
import { chmod, mkdir, rm, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { ask, findProgram } from './commands.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { unmountBelow } from './mounts.ts';
import { removeRules } from './network-rules.ts';
import { isRunning, keepRunning, stopKept, waitUntilReady } from './processes.ts';
import type { Progress } from './stages.ts';
import { statePath } from './state-folder.ts';

/** A Docker engine that answers. */
export interface DockerEngine {
  /** What DOCKER_HOST is to be, such as `unix:///var/run/docker.sock`. */
  readonly host: string;
}

const NAME = 'docker';
const OWN_HOST = `unix://${statePath('docker', 'docker.sock')}`;
const RUNTIME = 'runc-without-oom-score';

/** The engine that DOCKER_HOST names, the machine's, or the one started here; undefined when none answers. */
export async function findDocker(): Promise<DockerEngine | undefined> {
  const hosts = [
    process.env.DOCKER_HOST ?? '',
    'unix:///var/run/docker.sock',
    // Docker Desktop without the system-wide socket.
    `unix://${join(homedir(), '.docker/run/docker.sock')}`,
    OWN_HOST,
  ];
  for (const host of hosts) if (await answers(host)) return { host };
  return undefined;
}

/** Finds a Docker engine that answers, or starts one. */
export async function startDocker(progress: Progress): Promise<DockerEngine> {
  const found = await findDocker();
  if (found !== undefined) return found;
  if (findProgram('dockerd') === undefined || findProgram('iptables') === undefined) {
    await ensureDebianPackages(['docker.io', 'iptables'], progress);
  }
  await progress.stage('Starting the Docker engine', async () => {
    if (!isRunning(NAME))
      keepRunning({ name: NAME, command: findProgram('dockerd') ?? 'dockerd', args: await prepare() });
    await waitUntilReady(NAME, async () => await answers(OWN_HOST), 60);
  });
  return { host: OWN_HOST };
}

/** Puts in place what the engine needs and gives its arguments. */
async function prepare(): Promise<readonly string[]> {
  await mkdir(statePath('docker'), { recursive: true });
  const runtime = statePath('docker', RUNTIME);
  await writeFile(runtime, RUNTIME_SCRIPT);
  await chmod(runtime, 0o755);
  const run = statePath('docker', `run-${bootNumber()}`);
  return [
    ...['--data-root', statePath('docker', 'data'), '--exec-root', run, '--pidfile', join(run, 'docker.pid')],
    ...['-H', OWN_HOST, '--add-runtime', `${RUNTIME}=${runtime}`, '--default-runtime', RUNTIME],
  ];
}

/**
 * Where the engine notes the numbers of its processes changes with each boot: after a reboot they belong to other
 * programs, and it would wait for those.
 */
function bootNumber(): string {
  return readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').slice(0, 8);
}

/**
 * A runtime that is runc without negative `oomScoreAdj`: root in a container lacks CAP_SYS_RESOURCE, and the kernel
 * then refuses the value that every Kubernetes pod sandbox asks for.
 */
const RUNTIME_SCRIPT = `#!/bin/sh
previous=
for argument in "$@"; do
  if [ "$previous" = --bundle ]; then
    sed -i 's/"oomScoreAdj":-[0-9]*/"oomScoreAdj":0/' "$argument/config.json"
  fi
  previous=$argument
done
exec runc "$@"
`;

/** Stops the engine if it was started here, after its containers, and takes its mounts and network rules away. */
export async function stopDocker(): Promise<boolean> {
  if (!isRunning(NAME)) return await stopKept(NAME);
  await removeContainers({ host: OWN_HOST }, () => true);
  const stopped = await stopKept(NAME, 30);
  await unmountBelow(statePath('docker'));
  await removeRules(/\bDOCKER\b|\bDOCKER-|\bdocker0\b/);
  await ask('ip', ['link', 'delete', 'docker0']);
  await rm(statePath('docker', `run-${bootNumber()}`), { recursive: true, force: true });
  return stopped;
}

/** A container as far as set-up looks at it. */
export interface Container {
  readonly id: string;
  readonly image: string;
  /** The sandbox that it belongs to, for containers of Kubernetes. */
  readonly sandbox: string;
}

/** Removes those containers of an engine that `isMeant` takes, running or not. */
export async function removeContainers(
  { host }: DockerEngine,
  isMeant: (container: Container, all: readonly Container[]) => boolean,
): Promise<void> {
  const format = '{{.ID}}\t{{.Image}}\t{{.Label "io.kubernetes.sandbox.id"}}';
  const listed = await ask('docker', ['-H', host, 'ps', '--all', '--no-trunc', '--format', format]);
  const all = (listed ?? '').split('\n').flatMap((line) => {
    const [id = '', image = '', sandbox = ''] = line.split('\t');
    return id === '' ? [] : [{ id, image, sandbox }];
  });
  const ids = all.filter((container) => isMeant(container, all)).map(({ id }) => id);
  if (ids.length > 0) await ask('docker', ['-H', host, 'rm', '--force', '--volumes', ...ids]);
}

/** Whether an engine answers at what DOCKER_HOST may hold: `unix://…` or, without TLS, `tcp://…`. */
async function answers(host: string): Promise<boolean> {
  const [, scheme, address = ''] = /^(unix|tcp):\/\/(.+)$/.exec(host) ?? [];
  if (scheme === undefined) return false;
  const { hostname, port } = scheme === 'tcp' ? new URL(host) : { hostname: '', port: '' };
  const target = scheme === 'unix' ? { socketPath: address } : { host: hostname, port };
  return await new Promise((resolve) => {
    const request = get({ ...target, path: '/_ping', timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
