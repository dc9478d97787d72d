import { basename, isAbsolute } from 'node:path';
import type { Agent } from '../../lib/agent/agent.ts';
import { fullPath, pathWithin } from '../../lib/agent/working-folder.ts';
import { parseLocalBase } from '../../lib/oci/local-base.ts';

/**
 * Inputs that the image's digest depends on, for its provenance. Not `env`, `labels` and `buildArguments`, which some fill with
 * what is nobody's business, nor how a store is reached: the model itself is told by its digest.
 */
const RECORDED = [
  ...['builder', 'baseImage', 'platforms', 'dockerfile', 'buildContext', 'buildTarget', 'modelInContext'],
  ...['appFolder', 'appTarget', 'appCompression'],
  ...['modelSource', 'modelTarget', 'modelCompression', 'model', 'version'],
  ...['tags', 'owner', 'entrypoint', 'command', 'workingDirectory', 'ports', 'user', 'stopSignal', 'healthCheck'],
  'annotations',
];

/** Those of them that are paths on the agent. */
const PATHS = ['dockerfile', 'buildContext', 'appFolder'];

/** What the task was told, as everybody may know it: without secrets, and without the folders of the agent. */
export function recordedInputs(agent: Agent): Readonly<Record<string, string>> {
  return Object.fromEntries(
    RECORDED.flatMap((name): [string, string][] => {
      const value = agent.inputs.optionalText(name);
      return value === undefined ? [] : [[name, agent.masked(withoutFolders(agent, name, value))]];
    }),
  );
}

function withoutFolders(agent: Agent, name: string, value: string): string {
  if (PATHS.includes(name)) return shortPath(agent, value);
  const local = name === 'baseImage' ? parseLocalBase(value) : undefined;
  if (local === undefined) return value;
  return [local.kind, shortPath(agent, local.path), ...(local.tag === undefined ? [] : [local.tag])].join(':');
}

/** A path from the default working folder on, where that is the same on any agent; of one elsewhere the last name. */
function shortPath(agent: Agent, path: string): string {
  if (!isAbsolute(path)) return path;
  const below = pathWithin(fullPath(agent, '.'), path);
  return below === '' ? '.' : (below ?? basename(path));
}
