import { DeliveryError } from '../errors/delivery-error.ts';
import type { Refusal, ResourceManager } from './resource-manager.ts';

/** A storage account as Azure Resource Manager describes it. */
export interface StorageAccount {
  readonly id: string;
  readonly name: string;
  /** Without a slash at its end. */
  readonly blobEndpoint: string;
  /** Whether the account's keys open it. */
  readonly allowsKeys: boolean;
}

interface AccountResource {
  readonly id: string;
  readonly name: string;
  readonly properties?: {
    readonly primaryEndpoints?: { readonly blob?: string };
    readonly allowSharedKeyAccess?: boolean | null;
  };
}

const API_VERSION = 'api-version=2023-05-01';
const ROLE = 'Reader and Data Access';
const MOST_NAMES = 10;

/** Who looks for what and where. */
export interface AccountSearch {
  readonly subscriptionId: string;
  /** Name of the account, or the URL of its blob endpoint. */
  readonly wanted: string;
  /** Who asks, for messages. */
  readonly identity: string;
}

/**
 * Finds a storage account among those of a subscription that the identity may see.
 *
 * @throws DeliveryError `STORAGE_ACCOUNT_NOT_FOUND`, and those of {@link ResourceManager.ask}
 */
export async function findAccount(
  resources: ResourceManager,
  { subscriptionId, wanted, identity }: AccountSearch,
): Promise<StorageAccount> {
  const names: string[] = [];
  const path = `/subscriptions/${subscriptionId}/providers/Microsoft.Storage/storageAccounts?${API_VERSION}`;
  for await (const each of resources.list(path)) {
    const account = accountOf(each as AccountResource);
    if ([account.name, account.blobEndpoint].includes(wanted.replace(/\/+$/, ''))) return account;
    names.push(account.name);
  }
  const seen = names.length === 0 ? 'none' : names.slice(0, MOST_NAMES).join(', ');
  throw new DeliveryError('STORAGE_ACCOUNT_NOT_FOUND', {
    message: `There is no storage account ${wanted} in the subscription ${subscriptionId} that ${identity} can see. It sees: ${seen}.`,
    remedy: `Check its name, and give the identity the role "${ROLE}" on it, or use storageAuth entra, which needs no key.`,
  });
}

/**
 * The first key of a storage account. It opens the whole account to whoever has it.
 *
 * @throws DeliveryError `ACCOUNT_KEYS_OFF`, `AZURE_FORBIDDEN`, and those of {@link ResourceManager.ask}
 */
export async function accountKeyOf(
  resources: ResourceManager,
  account: StorageAccount,
  identity: string,
): Promise<string> {
  if (!account.allowsKeys) throw keysOff(account.name);
  const explain = ({ status, code }: Refusal): DeliveryError | undefined => {
    if (code === 'ScopeLocked') {
      return new DeliveryError('AZURE_FORBIDDEN', {
        message: `The keys of the storage account ${account.name} cannot be listed: a read-only lock is on it.`,
        remedy: 'Use storageAuth entra, which needs no key, or remove the lock.',
      });
    }
    if (status !== 403) return undefined;
    return new DeliveryError('AZURE_FORBIDDEN', {
      message: `The keys of the storage account ${account.name} may not be listed by ${identity} (${code}).`,
      remedy: `Give it the role "${ROLE}" on ${account.id}, or use storageAuth entra, which needs no key.`,
    });
  };
  const { keys = [] } = (await resources.ask('POST', `${account.id}/listKeys?${API_VERSION}`, explain)) as {
    readonly keys?: readonly { readonly value: string }[];
  };
  const [first] = keys;
  if (first === undefined) throw keysOff(account.name);
  return first.value;
}

function accountOf({ id, name, properties }: AccountResource): StorageAccount {
  return {
    id,
    name,
    blobEndpoint: (properties?.primaryEndpoints?.blob ?? '').replace(/\/+$/, ''),
    allowsKeys: properties?.allowSharedKeyAccess !== false,
  };
}

function keysOff(account: string): DeliveryError {
  return new DeliveryError('ACCOUNT_KEYS_OFF', {
    message: `The storage account ${account} does not let account keys in.`,
    remedy: 'Use storageAuth entra, or allow key access under Settings → Configuration of the account.',
  });
}
