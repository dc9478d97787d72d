import type { ObjectStore } from '../model/stores/object-store.ts';
import type { Agent } from './agent.ts';
import { openAzureStore } from './azure-access.ts';
import { openS3Store } from './s3-access.ts';

/** How each kind of store is opened. */
const OPENERS = { azureBlob: openAzureStore, s3: openS3Store };

/**
 * Opens the store that a task's inputs name. The secrets in them are hidden from the log from now on.
 *
 * @throws DeliveryError as {@link openAzureStore} and {@link openS3Store} do, and `INPUT_MISSING`, `INPUT_INVALID`
 */
export async function openStore(agent: Agent): Promise<ObjectStore> {
  return OPENERS[agent.inputs.choice('store', ['azureBlob', 's3'])](agent);
}
