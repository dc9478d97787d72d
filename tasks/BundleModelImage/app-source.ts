import type { Agent } from '../../lib/agent/agent.ts';
import { fullPath, pathWithin } from '../../lib/agent/working-folder.ts';
import { appEntries } from '../../lib/oci/local-folder.ts';
import type { LayerGroup } from '../../lib/oci/layer-group.ts';
import type { Entry } from '../../lib/packing/entry.ts';
import { targetPath } from '../../lib/packing/entry-path.ts';
import { layerOf } from '../../lib/packing/layer.ts';
import type { LayerFile } from '../../lib/packing/read-layer.ts';
import { fileOwner } from './image-inputs.ts';

/** An app on its way into an image. */
export interface BundledApp {
  readonly entries: readonly Entry<LayerFile>[];
  readonly group: LayerGroup;
}

/** The app's layer, from the folder that the inputs name; undefined where they name none. */
export async function appToBundle(agent: Agent): Promise<BundledApp | undefined> {
  const { inputs } = agent;
  const input = inputs.optionalText('appFolder');
  const target = inputs.text('appTarget');
  if (input === undefined) return undefined;
  const compression = inputs.choice('appCompression', ['gzip', 'none']);
  const folder = fullPath(agent, input);
  const entries = await appEntries(folder, target, { without: modelWithin(agent, folder) });
  const layers = [layerOf(entries, { owner: fileOwner(agent), path: targetPath(target) })];
  return { entries, group: { name: 'app', target, layers, compression, local: true } };
}

/** The model's folder, where it lies within the app's, as a path from there. The model has layers of its own. */
function modelWithin(agent: Agent, appFolder: string): string | undefined {
  const { inputs } = agent;
  const folder = inputs.optionalText('modelFolder');
  if (folder === undefined || inputs.choice('modelSource', ['folder', 'store', 'none']) !== 'folder') return undefined;
  const path = pathWithin(appFolder, fullPath(agent, folder));
  // One folder for both is taken for both.
  if (path === undefined || path === '') return undefined;
  agent.log(
    `The app goes into the image without its folder ${path}: the model in it goes to ${inputs.text('modelTarget')}.`,
  );
  return path;
}
