// Azure Resource Manager, as far as the tasks ask it. Follows
// https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list (2023-05-01),
// https://learn.microsoft.com/rest/api/storagerp/storage-accounts/list-keys (2023-05-01) and
// https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling (429).
// Clusters (listClusterUserCredential) and registries get parts of their own beside this one.
import type { KeyObject } from 'node:crypto';
import { type Answer, bearerOf, type Call, type Part } from './calls.ts';
import { accountId, type Directory, mayDo, type StorageAccount } from './directory.ts';
import { issuerOf } from './entra.ts';
import { readToken, seconds } from './json-web-token.ts';

export interface ResourceManagerSurroundings {
  readonly directory: () => Directory;
  /** By which Entra signs. */
  readonly entraKey: KeyObject;
}

const ACCOUNTS = '/providers/Microsoft.Storage/storageAccounts';

export function resourceManager(surroundings: ResourceManagerSurroundings): Part {
  return (call) => {
    const subscription = /^\/subscriptions\/([^/]+)(\/.*)$/.exec(call.url.pathname);
    if (subscription === null) return undefined;
    const [, subscriptionId = '', path = ''] = subscription;
    const work = workOf(call, path);
    if (work === undefined) return undefined;
    const { objectId, refusal } = callerOf(call, surroundings);
    if (objectId === undefined) return refusal;
    const directory = surroundings.directory();
    if (directory.subscriptionId !== subscriptionId) {
      return failure(404, 'SubscriptionNotFound', `The subscription '${subscriptionId}' could not be found.`);
    }
    return work(directory, objectId);
  };
}

type Work = (directory: Directory, objectId: string) => Answer;

function workOf({ method, url }: Call, path: string): Work | undefined {
  if (url.searchParams.get('api-version') !== '2023-05-01') return undefined;
  if (method === 'GET' && path === ACCOUNTS) return listAccounts;
  const keys = /^\/resourceGroups\/([^/]+)\/providers\/Microsoft\.Storage\/storageAccounts\/([^/]+)\/listKeys$/.exec(
    path,
  );
  const [, group = '', name = ''] = keys ?? [];
  return method === 'POST' && keys !== null
    ? (directory, objectId) => listKeys(directory, objectId, { group, name, id: url.pathname.replace('/listKeys', '') })
    : undefined;
}

/** Lists what the caller may read: nothing, where it may read nothing. */
function listAccounts(directory: Directory, objectId: string): Answer {
  const visible = directory.storageAccounts.filter((account) =>
    mayDo(directory, objectId, 'Microsoft.Storage/storageAccounts/read', accountId(account)),
  );
  return { status: 200, body: { value: visible.map(describe) } };
}

function listKeys(
  directory: Directory,
  objectId: string,
  { group, name, id }: { readonly group: string; readonly name: string; readonly id: string },
): Answer {
  const action = 'Microsoft.Storage/storageAccounts/listKeys/action';
  if (!mayDo(directory, objectId, action, id)) {
    return failure(
      403,
      'AuthorizationFailed',
      `The client '${objectId}' with object id '${objectId}' does not have authorization to perform action '${action}' over scope '${id}' or the scope is invalid. If access was recently granted, please refresh your credentials.`,
    );
  }
  const account = directory.storageAccounts.find(
    (candidate) => candidate.name === name && candidate.resourceGroup === group,
  );
  if (account === undefined) {
    return failure(
      404,
      'ResourceNotFound',
      `The Resource 'Microsoft.Storage/storageAccounts/${name}' under resource group '${group}' was not found. For more details please go to https://aka.ms/ARMResourceNotFoundFix`,
    );
  }
  const keys = account.keys.map((value, index) => ({ keyName: `key${index + 1}`, value, permissions: 'FULL' }));
  return { status: 200, body: { keys } };
}

function describe(account: StorageAccount): object {
  return {
    ...{ id: accountId(account), name: account.name, type: 'Microsoft.Storage/storageAccounts', kind: 'StorageV2' },
    properties: {
      primaryEndpoints: { blob: `${account.blobEndpoint}/` },
      allowSharedKeyAccess: account.allowsKeys,
    },
  };
}

function callerOf(
  { headers, url }: Call,
  { directory, entraKey }: ResourceManagerSurroundings,
): { readonly objectId?: string; readonly refusal?: Answer } {
  const token = readToken(bearerOf(headers) ?? '');
  if (token?.signedBy(entraKey) !== true) {
    return {
      refusal: unauthorized('AuthenticationFailed', 'Authentication failed. The bearer token is missing or invalid.'),
    };
  }
  const { aud, iss, exp, oid } = token.claims;
  if (aud !== url.origin) {
    return {
      refusal: unauthorized(
        'InvalidAuthenticationTokenAudience',
        `The access token has been obtained for wrong audience or resource '${String(aud)}'.`,
      ),
    };
  }
  if (iss !== issuerOf(directory().tenantId)) {
    return {
      refusal: unauthorized('InvalidAuthenticationTokenTenant', 'The access token is from the wrong issuer.'),
    };
  }
  if (Number(exp) <= seconds()) {
    return { refusal: unauthorized('ExpiredAuthenticationToken', 'The access token expiry time is in the past.') };
  }
  return { objectId: String(oid) };
}

function unauthorized(code: string, message: string): Answer {
  return { ...failure(401, code, message), headers: { 'www-authenticate': `Bearer error="invalid_token"` } };
}

function failure(status: number, code: string, message: string): Answer {
  return { status, body: { error: { code, message } } };
}
