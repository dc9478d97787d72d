import { STORAGE_SCOPE } from '../azure/cloud.ts';
import { type AzureConnection, nameOf, secretsOf as secretsOfConnection } from '../azure/connection.ts';
import { signInOf } from '../azure/sign-in.ts';
import { TokenSource } from '../azure/token-source.ts';
import { createDispatcher } from '../http/dispatcher.ts';
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
import type { Agent } from './agent.ts';
import { networkOf } from './network.ts';

/**
 * Opens the container of Azure Blob Storage that a task's inputs name (`storageAuth`, `azureSubscription`, `storageAccount`,
 * `connectionString`, `accountKey`, `sas`, `container`).
 *
 * @throws DeliveryError `STORE_ADDRESS_INVALID`, `CONNECTION_STRING_INVALID`, `ACCOUNT_KEY_INVALID`, `SAS_INVALID`,
 *   `STORE_UNAUTHORIZED` (a SAS that has expired), `CONNECTION_MISSING`, `CONNECTION_INVALID`, `INPUT_MISSING`, `INPUT_INVALID`
 */
export async function openAzureStore(agent: Agent): Promise<ObjectStore> {
  const access = azureAccess(agent);
  for (const secret of secretsOf(access.credential)) agent.hide(secret);
  return AzureBlobStore.open(access, { network: networkOf(agent) });
}

function azureAccess(agent: Agent): AzureAccess {
  const { inputs } = agent;
  const auth = inputs.choice('storageAuth', ['entra', 'accountKey', 'connectionString', 'sas', 'anonymous']);
  const container = checkContainer(inputs.text('container'));
  switch (auth) {
    case 'entra': {
      const connection = azureConnection(agent);
      const address = accountAddress(inputs.text('storageAccount'), connection.cloud.storageSuffix);
      const dispatcher = createDispatcher(networkOf(agent));
      const tokens = new TokenSource(signInOf(connection, { dispatcher, signal: agent.signal }), STORAGE_SCOPE);
      const credential = {
        kind: 'token' as const,
        token: () => tokens.token(),
        identity: nameOf(connection.identity),
      };
      return { ...address, container, credential };
    }
    case 'accountKey': {
      const accountKey = secret(agent, inputs.text('accountKey'));
      return { ...accountAddress(inputs.text('storageAccount')), container, credential: keyCredential(accountKey) };
    }
    case 'connectionString':
      return { ...fromConnectionString(secret(agent, inputs.text('connectionString'))), container };
    case 'sas': {
      const sas = secret(agent, inputs.text('sas'));
      return { ...accountAddress(inputs.text('storageAccount')), container, credential: sasCredential(sas) };
    }
    case 'anonymous':
      return { ...accountAddress(inputs.text('storageAccount')), container, credential: { kind: 'anonymous' } };
  }
}

function azureConnection(agent: Agent): AzureConnection {
  const connection = agent.connections.azure(agent.inputs.text('azureSubscription'));
  for (const each of secretsOfConnection(connection)) agent.hide(each);
  return connection;
}

/** Hides a value before it is looked at, for an error about it may quote it. */
function secret(agent: Agent, value: string): string {
  agent.hide(value);
  return value;
}
