import type { ObjectStore } from '../model/stores/object-store.ts';
import type { ModelSelection } from '../model/selection.ts';
import type { Agent } from './agent.ts';
import { openAzureStore } from './azure-access.ts';
import type { Inputs } from './inputs.ts';

/** How each kind of store is opened. */
const OPENERS = { azureBlob: openAzureStore };

/**
 * Opens the store that a task's inputs name. The secrets in them are hidden from the log from now on.
 *
 * @throws DeliveryError as {@link openAzureStore} does, and `INPUT_MISSING`, `INPUT_INVALID`
 */
export async function openStore(agent: Agent): Promise<ObjectStore> {
  return OPENERS[agent.inputs.choice('store', ['azureBlob'])](agent);
}

/** The model that a task's inputs mean (`layout`, `prefix`, `model`, `version`, `channel`, `blobs`, `select`). */
export function modelSelection(inputs: Inputs): ModelSelection {
  if (inputs.choice('layout', ['managed', 'plain']) === 'plain') {
    inputs.text('blobs'); // says so where there are none
    return {
      layout: 'plain',
      model: inputs.optionalText('model'),
      patterns: inputs.lines('blobs'),
      select: inputs.choice('select', ['newest', 'all']),
    };
  }
  const version = inputs.optionalText('version');
  return {
    layout: 'managed',
    prefix: inputs.optionalText('prefix') ?? '',
    model: inputs.text('model'),
    by: version === undefined ? { channel: inputs.text('channel') } : { version },
  };
}
