// Docker engine: the machine's own when one answers, else Debian's, started here.
import { chmod, mkdir, writeFile } from 'node:fs/promises';
import { get } from 'node:http';
import { dirname } from 'node:path';
import { ask, findProgram } from './commands.ts';
import { ensureDebianPackages } from './debian-packages.ts';
import { keepRunning, stopKept, waitUntilReady } from './processes.ts';
import type { Progress } from './stages.ts';
import { statePath } from './state-folder.ts';

/** A Docker engine that answers. */
export interface DockerEngine {
  /** What DOCKER_HOST is to be, such as `unix:///var/run/docker.sock`. */
  readonly host: string;
}

const NAME = 'docker';
const OWN_SOCKET = statePath('docker', 'docker.sock');
const RUNTIME = 'runc-without-oom-score';

/** Finds a Docker engine that answers, or starts one. */
export async function startDocker(progress: Progress): Promise<DockerEngine> {
  const found = await findDocker();
  if (found !== undefined) return found;
  if (findProgram('dockerd') === undefined || findProgram('iptables') === undefined) {
    await ensureDebianPackages(['docker.io', 'iptables'], progress);
  }
  await progress.stage('Starting the Docker engine', async () => {
    await mkdir(dirname(OWN_SOCKET), { recursive: true });
    keepRunning({
      name: NAME,
      command: findProgram('dockerd') ?? 'dockerd',
      args: [
        ...['--data-root', statePath('docker', 'data'), '--exec-root', statePath('docker', 'exec')],
        ...['--pidfile', statePath('docker', 'docker.pid'), '-H', `unix://${OWN_SOCKET}`],
        ...['--add-runtime', `${RUNTIME}=${await writeRuntime()}`, '--default-runtime', RUNTIME],
      ],
    });
    await waitUntilReady(NAME, async () => await ping(OWN_SOCKET), 60);
  });
  return { host: `unix://${OWN_SOCKET}` };
}

/** The engine that DOCKER_HOST names, the machine's, or the one started here; undefined when none answers. */
export async function findDocker(): Promise<DockerEngine | undefined> {
  const named = process.env.DOCKER_HOST;
  const sockets = [
    ...(named?.startsWith('unix://') === true ? [named.slice('unix://'.length)] : []),
    '/var/run/docker.sock',
    OWN_SOCKET,
  ];
  for (const socket of sockets) if (await ping(socket)) return { host: `unix://${socket}` };
  return undefined;
}

/** Stops the engine if it was started here, after its containers. */
export async function stopDocker(): Promise<boolean> {
  if (await ping(OWN_SOCKET)) {
    const containers = await ask('docker', ['-H', `unix://${OWN_SOCKET}`, 'ps', '-q']);
    const ids = containers?.split('\n').filter((id) => id !== '') ?? [];
    if (ids.length > 0) await ask('docker', ['-H', `unix://${OWN_SOCKET}`, 'rm', '-f', ...ids]);
  }
  return await stopKept(NAME, 30);
}

/**
 * A runtime that is runc without negative `oomScoreAdj`: root in a container lacks CAP_SYS_RESOURCE, and the kernel
 * then refuses the value that every Kubernetes pod sandbox asks for.
 */
async function writeRuntime(): Promise<string> {
  const script = statePath('docker', RUNTIME);
  await writeFile(script, RUNTIME_SCRIPT);
  await chmod(script, 0o755);
  return script;
}

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

async function ping(socketPath: string): Promise<boolean> {
  return await new Promise((resolve) => {
    const request = get({ socketPath, path: '/_ping', timeout: 2000 }, (response) => {
      response.resume();
      resolve(response.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}
