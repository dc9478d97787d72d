import {
  accountAddress,
  type AzureAccess,
  checkContainer,
  fromConnectionString,
  keyCredential,
  sasCredential,
  secretsOf,
} from '../model/stores/azure-access.ts';
import { AzureBlobStore } from '../model/stores/azure-blob.ts';
import type { ObjectStore } from '../model/stores/object-store.ts';
import type { ModelSelection } from '../model/selection.ts';
import type { Agent } from './agent.ts';
import type { Inputs } from './inputs.ts';

/**
 * Opens the store that a task's inputs name (`storageAuth`, `storageAccount`, `container`, `connectionString`,
 * `accountKey`, `sas`). The secrets in them are hidden from the log from now on.
 *
 * @throws DeliveryError `STORE_ADDRESS_INVALID`, `CONNECTION_STRING_INVALID`, `ACCOUNT_KEY_INVALID`, `SAS_INVALID`,
 *   `STORE_UNAUTHORIZED` (a SAS that has expired), `INPUT_MISSING`, `INPUT_INVALID`
 */
export async function openStore(agent: Agent): Promise<ObjectStore> {
  const access = azureAccess(agent.inputs, (secret) => agent.hide(secret));
  for (const secret of secretsOf(access.credential)) agent.hide(secret);
  return AzureBlobStore.open(access);
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

function azureAccess(inputs: Inputs, hide: (secret: string) => void): AzureAccess {
  const auth = inputs.choice('storageAuth', ['connectionString', 'accountKey', 'sas', 'anonymous']);
  const container = checkContainer(inputs.text('container'));
  switch (auth) {
    case 'connectionString': {
      const connectionString = inputs.text('connectionString');
      hide(connectionString);
      return { ...fromConnectionString(connectionString), container };
    }
    case 'accountKey': {
      const accountKey = inputs.text('accountKey');
      hide(accountKey);
      return { ...accountAddress(inputs.text('storageAccount')), container, credential: keyCredential(accountKey) };
    }
    case 'sas': {
      const sas = inputs.text('sas');
      hide(sas);
      return { ...accountAddress(inputs.text('storageAccount')), container, credential: sasCredential(sas) };
    }
    case 'anonymous':
      return { ...accountAddress(inputs.text('storageAccount')), container, credential: { kind: 'anonymous' } };
  }
}
