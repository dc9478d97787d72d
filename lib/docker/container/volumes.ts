import type { Mount } from './container-state.ts';

/** A volume as docker takes it, in its parts. */
export interface Volume {
  /** A path of the agent, or the name of a volume. */
  readonly source: string;
  readonly isPath: boolean;
  readonly target: string;
  /** Such as `ro`; empty where there are none. */
  readonly options: string;
}

/** Reads `SOURCE:TARGET[:OPTIONS]`; undefined where it is none. What begins with a dot, a slash or a drive is a path. */
export function parseVolume(text: string): Volume | undefined {
  const [, source = '', target = '', options = ''] =
    /^((?:[A-Za-z]:[\\/])?[^:]+):((?:[A-Za-z]:[\\/])?[^:]+)(?::([\w,]+))?$/.exec(text) ?? [];
  if (source === '' || !/^(?:\/|[A-Za-z]:)/.test(target)) return undefined;
  return { source, isPath: /^(?:[.~/\\]|[A-Za-z]:)/.test(source), target, options };
}

/**
 * A volume as the engine's machine sees it. Paths of an agent that is a container itself lie in what that has mounted; a path that lies in
 * none of it does not exist outside.
 *
 * @param mounts those of the agent's container; undefined: the agent is none
 * @returns undefined where the engine cannot get at the path
 */
export function volumeArgument(
  { source, isPath, target, options }: Volume,
  mounts?: readonly Mount[],
): string | undefined {
  const seen = isPath && mounts !== undefined ? pathOutside(source, mounts) : source;
  return seen === undefined ? undefined : `${seen}:${target}${options === '' ? '' : `:${options}`}`;
}

function pathOutside(path: string, mounts: readonly Mount[]): string | undefined {
  const around = mounts.filter(({ destination }) => path === destination || path.startsWith(`${destination}/`));
  const [nearest] = around.toSorted((a, b) => b.destination.length - a.destination.length);
  return nearest === undefined ? undefined : `${nearest.source}${path.slice(nearest.destination.length)}`;
}
