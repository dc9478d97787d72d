import { isAbsolute, relative, resolve, sep } from 'node:path';
import { DeliveryError } from '../errors/delivery-error.ts';
import type { Agent } from './agent.ts';

/**
 * A path of an input as an absolute one: relative ones begin at the job's default working folder.
 *
 * @throws DeliveryError `INPUT_INVALID` where a variable in it does not exist, which the agent leaves as it is
 */
export function fullPath(agent: Pick<Agent, 'variable'>, path: string): string {
  const [, variable] = /\$\(([\w.]+)\)/.exec(path) ?? [];
  if (variable !== undefined) {
    throw new DeliveryError('INPUT_INVALID', {
      message: `The path ${path} holds $(${variable}), a variable that is not set.`,
      remedy:
        variable === 'Pipeline.Workspace'
          ? 'A classic release does not have it: begin the path with $(System.DefaultWorkingDirectory) there.'
          : `Set the variable ${variable} or correct its name.`,
    });
  }
  return resolve(agent.variable('System.DefaultWorkingDirectory') ?? process.cwd(), path);
}

/** The path from a folder to what lies in it, with `/` between its parts; '' for the folder itself, undefined for what lies elsewhere. */
export function pathWithin(folder: string, path: string): string | undefined {
  const below = relative(folder, path);
  const isElsewhere = isAbsolute(below) || below === '..' || below.startsWith(`..${sep}`);
  return isElsewhere ? undefined : below.split(sep).join('/');
}
