import type { Agent } from '../../lib/agent/agent.ts';
import { fullPath } from '../../lib/agent/working-folder.ts';
import { appEntries } from '../../lib/oci/local-folder.ts';
import type { LayerGroup } from '../../lib/oci/layer-group.ts';
import { targetPath } from '../../lib/packing/entry-path.ts';
import { layerOf } from '../../lib/packing/layer.ts';
import { fileOwner } from './image-inputs.ts';

/** The app's layer, from the folder that the inputs name; undefined where they name none. */
export async function appToBundle(agent: Agent): Promise<LayerGroup | undefined> {
  const { inputs } = agent;
  const folder = inputs.optionalText('appFolder');
  const target = inputs.text('appTarget');
  if (folder === undefined) return undefined;
  const compression = inputs.choice('appCompression', ['gzip', 'none']);
  const entries = await appEntries(fullPath(agent, folder), target);
  const layers = [layerOf(entries, { owner: fileOwner(agent), path: targetPath(target) })];
  return { name: 'app', target, layers, compression, local: true };
}
