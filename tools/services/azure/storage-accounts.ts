// Storage accounts, as Azure Resource Manager knows them. Follows
// https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list and
// https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list-keys (2023-05-01).
import type { Answer } from './calls.ts';
import { accountId, type Directory, mayDo, type StorageAccount } from './directory.ts';
import { notFound, type Provider, refusalOf } from './resource-provider.ts';

const TYPE = 'Microsoft.Storage/storageAccounts';

export const storageAccounts: Provider = ({ method, url }, path) => {
  if (url.searchParams.get('api-version') !== '2023-05-01') return undefined;
  if (method === 'GET' && path === `/providers/${TYPE}`) return list;
  const keys = /^\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Storage\/storageAccounts\/([^/]+)\/listKeys$/.exec(
    path,
  );
  const [, group = '', name = ''] = keys ?? [];
  return method === 'POST' && keys !== null
    ? (directory, objectId) => listKeys(directory, objectId, { group, name, id: url.pathname.replace('/listKeys', '') })
    : undefined;
};

/** Lists what the caller may read: nothing, where it may read nothing. */
function list(directory: Directory, objectId: string): Answer {
  const visible = directory.storageAccounts.filter((account) =>
    mayDo(directory, objectId, `${TYPE}/read`, accountId(account)),
  );
  return { status: 200, body: { value: visible.map(describe) } };
}

function listKeys(
  directory: Directory,
  objectId: string,
  { group, name, id }: { readonly group: string; readonly name: string; readonly id: string },
): Answer {
  const refusal = refusalOf(directory, { objectId, action: `${TYPE}/listKeys/action`, id });
  if (refusal !== undefined) return refusal;
  const account = directory.storageAccounts.find(
    (candidate) => candidate.name === name && candidate.resourceGroup === group,
  );
  if (account === undefined) return notFound(TYPE, name, group);
  const keys = account.keys.map((value, index) => ({ keyName: `key${index + 1}`, value, permissions: 'FULL' }));
  return { status: 200, body: { keys } };
}

function describe(account: StorageAccount): object {
  return {
    id: accountId(account),
    name: account.name,
    type: TYPE,
    kind: 'StorageV2',
    properties: {
      primaryEndpoints: { blob: `${account.blobEndpoint}/` },
      allowSharedKeyAccess: account.allowsKeys,
    },
  };
}
