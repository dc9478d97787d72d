import { DeliveryError } from '../errors/delivery-error.ts';
import type { DockerCli } from './docker-cli.ts';

/**
 * Who builds: `buildx`, the plugin, with any of its drivers; `buildkit`, the engine's own BuildKit by way of a docker
 * program that still speaks to it itself (before 23.0); `classic`, the builder of old, where neither is there.
 */
export type Builder = 'buildx' | 'buildkit' | 'classic';

/** The docker engine as far as a build has to know it. */
export interface Engine {
  readonly clientVersion: string;
  readonly serverVersion: string;
  /** Whose images it runs, such as `linux/amd64`. */
  readonly platform: string;
  readonly builder: Builder;
  /** The builder writes image layouts, so an image never has to be in the engine's own store. */
  readonly writesLayouts: boolean;
}

/**
 * Asks docker what it is and whether its engine answers.
 *
 * @throws DeliveryError `DOCKER_UNREACHABLE`
 */
export async function describeEngine(docker: DockerCli, signal: AbortSignal): Promise<Engine> {
  const { code, stdout, stderr } = await docker.run(['version', '--format', '{{json .}}'], { signal });
  const versions = parseVersions(stdout);
  if (code !== 0 || versions?.server === undefined) throw unreachable(docker, stderr);
  const { client, server, platform } = versions;
  const facts = { clientVersion: client, serverVersion: server, platform };
  // The word that docker itself heeds.
  const wantsClassic = docker.variable('DOCKER_BUILDKIT') === '0';
  const driver = wantsClassic ? undefined : await buildxDriver(docker, signal);
  if (driver !== undefined) {
    const writesLayouts = driver !== 'docker' || (await keepsLayouts(docker, signal));
    return { ...facts, builder: 'buildx', writesLayouts };
  }
  const hasBuildKit = !wantsClassic && majorOf(versions.client) < 23 && majorOf(versions.server) >= 19;
  return { ...facts, builder: hasBuildKit ? 'buildkit' : 'classic', writesLayouts: false };
}

/** How the plugin's current builder runs, such as `docker` or `docker-container`; undefined where there is no plugin. */
async function buildxDriver(docker: DockerCli, signal: AbortSignal): Promise<string | undefined> {
  const { code, stdout } = await docker.run(['buildx', 'inspect'], { signal });
  return code === 0 ? /^Driver:\s+(\S+)/m.exec(stdout)?.[1] : undefined;
}

/** Whether the engine keeps images in containerd's store: then its builder can export them, too. */
async function keepsLayouts(docker: DockerCli, signal: AbortSignal): Promise<boolean> {
  const { stdout } = await docker.run(['info', '--format', '{{json .DriverStatus}}'], { signal });
  return stdout.includes('io.containerd.snapshotter');
}

interface Versions {
  readonly client: string;
  readonly server: string | undefined;
  readonly platform: string;
}

function parseVersions(text: string): Versions | undefined {
  try {
    const { Client, Server } = JSON.parse(text) as {
      readonly Client?: { readonly Version?: string };
      readonly Server?: { readonly Version?: string; readonly Os?: string; readonly Arch?: string } | null;
    };
    const platform = `${Server?.Os ?? 'linux'}/${Server?.Arch ?? 'amd64'}`;
    return { client: Client?.Version ?? '', server: Server?.Version, platform };
  } catch {
    return undefined;
  }
}

function majorOf(version: string): number {
  return Number(/^\d+/.exec(version)?.[0] ?? 0);
}

function unreachable(docker: DockerCli, stderr: string): DeliveryError {
  const words = stderr.trim().split('\n').at(-1) ?? '';
  const host = docker.variable('DOCKER_HOST');
  const where = host === undefined ? '' : ` at ${host}`;
  if (/permission denied/i.test(words)) {
    return new DeliveryError('DOCKER_UNREACHABLE', {
      message: `The agent's user may not speak to the Docker engine${where}.`,
      remedy:
        'Add the user to the group docker and start the agent anew, or do without it: by the builder append, or the target url.',
    });
  }
  return new DeliveryError('DOCKER_UNREACHABLE', {
    message: `The Docker engine${where} does not answer: ${words.slice(0, 300) || 'it gave no reason'}`,
    remedy: 'Start it, or check DOCKER_HOST; the builder append and the target url need no engine.',
  });
}
