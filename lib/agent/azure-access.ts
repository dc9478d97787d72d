import { STORAGE_SCOPE } from '../azure/cloud.ts';
import { accountKeyOf, findAccount } from '../azure/storage-account.ts';
import { DeliveryError } from '../errors/delivery-error.ts';
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
import { azureSession } from './azure-session.ts';
import { networkOf } from './network.ts';

/** Where an account is, and how to get in. */
type AccountAccess = Omit<AzureAccess, 'container'>;

/**
 * Opens the container of Azure Blob Storage that a task's inputs name (`storageAuth`, `azureSubscription`, `storageAccount`,
 * `accountKey`, `connectionString`, `sas`, `container`). Signs in only where the account's key has to be asked for.
 *
 * @throws DeliveryError `STORE_ADDRESS_INVALID`, `CONNECTION_STRING_INVALID`, `ACCOUNT_KEY_INVALID`, `SAS_INVALID`,
 *   `STORE_UNAUTHORIZED` (a SAS that has expired), `CONNECTION_MISSING`, `CONNECTION_INVALID`, `STORAGE_ACCOUNT_NOT_FOUND`,
 *   `ACCOUNT_KEYS_OFF`, those of signing in, `INPUT_MISSING`, `INPUT_INVALID`
 */
export async function openAzureStore(agent: Agent): Promise<ObjectStore> {
  const { inputs } = agent;
  const auth = inputs.choice('storageAuth', ['entra', 'accountKey', 'connectionString', 'sas', 'anonymous']);
  const container = checkContainer(inputs.text('container'));
  const access = await {
    entra: byEntra,
    accountKey: byAccountKey,
    connectionString: byConnectionString,
    sas: bySas,
    anonymous: anonymously,
  }[auth](agent);
  for (const secret of secretsOf(access.credential)) agent.hide(secret);
  return AzureBlobStore.open({ ...access, container }, { network: networkOf(agent) });
}

function byEntra(agent: Agent): AccountAccess {
  const session = azureSession(agent, agent.inputs.text('azureSubscription'));
  const tokens = session.tokensFor(STORAGE_SCOPE);
  return {
    ...accountAddress(agent.inputs.text('storageAccount'), session.connection.cloud.storageSuffix),
    credential: { kind: 'token', token: (refused) => tokens.token(refused), identity: session.identity },
  };
}

async function byAccountKey(agent: Agent): Promise<AccountAccess> {
  const { inputs } = agent;
  const key = inputs.optionalText('accountKey');
  if (key === undefined && inputs.optionalText('azureSubscription') !== undefined) return byListedKey(agent);
  const credential = keyCredential(hidden(agent, key ?? inputs.text('accountKey')));
  return { ...accountAddress(inputs.text('storageAccount')), credential };
}

/** Has the service connection ask Azure Resource Manager for the key. */
async function byListedKey(agent: Agent): Promise<AccountAccess> {
  const [id, wanted] = [agent.inputs.text('azureSubscription'), agent.inputs.text('storageAccount')];
  const { connection, resources, identity } = azureSession(agent, id);
  const { subscriptionId } = connection;
  if (subscriptionId === undefined) {
    throw new DeliveryError('CONNECTION_INVALID', {
      message: `The service connection "${id}" is for a management group, so the account's key cannot be looked for.`,
      remedy: 'Choose a connection for the subscription of the account, or use storageAuth entra, which needs no key.',
    });
  }
  const account = await findAccount(resources, { subscriptionId, wanted, identity });
  const key = hidden(agent, await accountKeyOf(resources, account, identity));
  return { ...accountAddress(account.blobEndpoint), account: account.name, credential: keyCredential(key) };
}

function byConnectionString(agent: Agent): AccountAccess {
  return fromConnectionString(hidden(agent, agent.inputs.text('connectionString')));
}

function bySas(agent: Agent): AccountAccess {
  const credential = sasCredential(hidden(agent, agent.inputs.text('sas')));
  return { ...accountAddress(agent.inputs.text('storageAccount')), credential };
}

function anonymously(agent: Agent): AccountAccess {
  return { ...accountAddress(agent.inputs.text('storageAccount')), credential: { kind: 'anonymous' } };
}

/** Hides a value before it is looked at, for an error about it may quote it. */
function hidden(agent: Agent, value: string): string {
  agent.hide(value);
  return value;
}
