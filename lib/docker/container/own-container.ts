import { readFile } from 'node:fs/promises';
import { hostname } from 'node:os';
import type { DockerCli } from '../docker-cli.ts';
import { type ContainerState, parseContainerState } from './container-state.ts';

/**
 * The container that this process itself runs in, if the engine that docker speaks to knows it; undefined on a plain machine, and where the
 * engine is another one, as it is with docker-in-docker.
 *
 * Nobody has to say its name: Linux shows a process where its files come from.
 */
export async function findOwnContainer(docker: DockerCli, signal: AbortSignal): Promise<ContainerState | undefined> {
  const [mounts = '', groups = ''] = await Promise.all(['/proc/self/mountinfo', '/proc/self/cgroup'].map(textOf));
  for (const id of containerIds({ mounts, groups, hostname: hostname() })) {
    const { code, stdout } = await docker.run(['container', 'inspect', '--format', '{{json .}}', id], { signal });
    const state = code === 0 ? parseContainerState(stdout) : undefined;
    if (state?.isRunning === true && state.id.startsWith(id)) return state;
  }
  return undefined;
}

/** What Linux shows a process of itself. */
export interface ProcessView {
  /** /proc/self/mountinfo (proc_pid_mountinfo(5)): where its files come from. */
  readonly mounts: string;
  /** /proc/self/cgroup. */
  readonly groups: string;
  readonly hostname: string;
}

/**
 * Ids of containers that a process may run in, the likeliest first. An engine makes `/etc/hostname` and its like of files in a folder
 * that is named after the container; groups of the first kind are named so too; and a container's hostname is the beginning of its id unless
 * it was given one.
 */
export function containerIds({ mounts, groups, hostname }: ProcessView): readonly string[] {
  const files = [
    ...mounts.matchAll(/^\S+ \S+ \S+ \S*?\/([0-9a-f]{64})\/\S* \/etc\/(?:hostname|hosts|resolv\.conf) /gm),
  ];
  const named = [...groups.matchAll(/([0-9a-f]{64})(?:\.scope)?$/gm)];
  const ids = [...files, ...named].map(([, id = '']) => id);
  return [...new Set([...ids, ...(/^[0-9a-f]{12}$/.test(hostname) ? [hostname] : [])])];
}

function textOf(file: string): Promise<string> {
  return readFile(file, 'utf8').catch(() => '');
}
