import type { Agent } from '../../lib/agent/agent.ts';
import type { LayerGroup } from '../../lib/oci/layer-group.ts';
import { fileOwner } from './image-inputs.ts';

/** Folders that users of an image write to, by their owner or mode. */
const OTHERS = /^\/*((?:home\/[^/]+|tmp|var\/tmp)(?=\/|$))\/*(.*)$/;

/** Folders above a target are written as the system's (see `layerOf`): those of the base lose the owner and mode that they had. */
export function warnOfTarget(agent: Agent, { name, target }: LayerGroup): void {
  const [, folder, below] = OTHERS.exec(target) ?? [];
  if (folder === undefined || (below === '' && fileOwner(agent).uid !== 0)) return;
  agent.warn(
    `The input ${name}Target is ${target}: in the image /${folder} becomes a folder of root with mode 0755, so who wrote to it in the base no longer can. Choose a folder of its own, such as /${name} or /opt/${name}, with the input owner where the app writes there.`,
  );
}
