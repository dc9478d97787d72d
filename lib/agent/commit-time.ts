import { execFile } from 'node:child_process';
import { basename, join } from 'node:path';
import { promisify } from 'node:util';
import { DeliveryError } from '../errors/delivery-error.ts';
import type { Agent } from './agent.ts';

/**
 * When the sources came to be: `SOURCE_DATE_EPOCH` where it is set (reproducible-builds.org), else the time of the commit that
 * the pipeline runs for; undefined where nobody knows it.
 *
 * @throws DeliveryError `SOURCE_DATE_INVALID`
 */
export async function commitTime(agent: Agent): Promise<Date | undefined> {
  const given = agent.variable('SOURCE_DATE_EPOCH');
  if (given !== undefined) return fromEpoch(given);
  const commit = commitOf(agent);
  if (commit === undefined) return undefined;
  for (const folder of repositoryFolders(agent)) {
    const time = await timeIn(folder, commit, agent.signal);
    if (time !== undefined) return time;
    agent.debug(`git does not know the time of ${commit} in ${folder}`);
  }
  return undefined;
}

/**
 * The same for images, which must come out the same each time: never the clock, and 1970 where nobody knows it.
 *
 * @throws DeliveryError `SOURCE_DATE_INVALID`
 */
export async function imageTime(agent: Agent): Promise<Date> {
  const time = await commitTime(agent);
  if (time !== undefined) return time;
  const commit = commitOf(agent);
  if (commit !== undefined) {
    agent.warn(
      `The time of the commit ${commit} is not known, so the image is dated 1970: its digest is another than where the time is known. Check the repository out in this job, with git on the agent, or set SOURCE_DATE_EPOCH to what "git show -s --format=%ct" prints.`,
    );
  }
  return new Date(0);
}

/** The commit that the pipeline runs for; undefined where it is none of git's. */
function commitOf(agent: Agent): string | undefined {
  const commit = agent.variable('Build.SourceVersion');
  return commit !== undefined && /^[0-9a-f]{7,64}$/i.test(commit) ? commit : undefined;
}

/** Where the repository may be: with several checkouts each is below the folder of the sources, under its own name. */
function repositoryFolders(agent: Agent): readonly string[] {
  const sources = agent.variable('Build.SourcesDirectory');
  const name = agent.variable('Build.Repository.Name');
  const folders = [
    agent.variable('Build.Repository.LocalPath'),
    sources,
    sources === undefined || name === undefined ? undefined : join(sources, basename(name)),
  ];
  return [...new Set(folders.flatMap((folder) => folder ?? []))];
}

/** The repository is named outright: git would refuse to find one that is another user's, as sources are in a container. */
async function timeIn(folder: string, commit: string, signal: AbortSignal): Promise<Date | undefined> {
  try {
    const args = [`--git-dir=${join(folder, '.git')}`, 'show', '-s', '--format=%ct', commit];
    const { stdout } = await promisify(execFile)('git', args, { signal, timeout: 10_000 });
    return fromEpoch(stdout.trim());
  } catch {
    signal.throwIfAborted();
    return undefined;
  }
}

function fromEpoch(text: string): Date {
  const date = /^\d{1,11}$/.test(text) ? new Date(Number(text) * 1000) : undefined;
  if (date !== undefined) return date;
  throw new DeliveryError('SOURCE_DATE_INVALID', {
    message: `SOURCE_DATE_EPOCH is "${text}".`,
    remedy: 'Give it in whole seconds since 1970, or do not set it.',
  });
}
