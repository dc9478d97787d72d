import { resolve } from 'node:path';
import type { Agent } from './agent.ts';

/** A path of an input as an absolute one: relative ones begin at the job's default working folder. */
export function fullPath(agent: Agent, path: string): string {
  return resolve(agent.variable('System.DefaultWorkingDirectory') ?? process.cwd(), path);
}
