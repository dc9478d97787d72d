import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { DeliveryError } from '../errors/delivery-error.ts';
import type { Agent } from './agent.ts';

/**
 * When the sources came to be, for images that must come out the same each time: `SOURCE_DATE_EPOCH` where it is set
 * (reproducible-builds.org), else the time of the commit that the pipeline runs for, else 1970.
 *
 * @throws DeliveryError `SOURCE_DATE_INVALID`
 */
export async function commitTime(agent: Agent): Promise<Date> {
  const given = agent.variable('SOURCE_DATE_EPOCH');
  if (given !== undefined) return fromEpoch(given);
  const commit = agent.variable('Build.SourceVersion');
  const folder = agent.variable('Build.SourcesDirectory');
  if (commit === undefined || folder === undefined || !/^[0-9a-f]{7,64}$/i.test(commit)) return new Date(0);
  try {
    const { stdout } = await promisify(execFile)('git', ['-C', folder, 'show', '-s', '--format=%ct', commit], {
      signal: agent.signal,
      timeout: 10_000,
    });
    return fromEpoch(stdout.trim());
  } catch {
    agent.signal.throwIfAborted();
    agent.debug(`git does not know the time of ${commit} in ${folder}`);
    return new Date(0);
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
