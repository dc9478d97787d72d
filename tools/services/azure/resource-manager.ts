// Azure Resource Manager: who asks, and for which subscription. What there is, each provider of resources knows for itself. Follows
// https://learn.microsoft.com/azure/azure-resource-manager/management/request-limits-and-throttling (429).
import type { KeyObject } from 'node:crypto';
import { type Answer, bearerOf, type Call, type Part } from './calls.ts';
import type { Directory } from './directory.ts';
import { issuerOf } from './entra.ts';
import { readToken, seconds } from './json-web-token.ts';
import { managedClusters } from './managed-clusters.ts';
import { failure } from './resource-provider.ts';
import { storageAccounts } from './storage-accounts.ts';

export interface ResourceManagerSurroundings {
  readonly directory: () => Directory;
  /** By which Entra signs. */
  readonly entraKey: KeyObject;
}

const PROVIDERS = [storageAccounts, managedClusters];

export function resourceManager(surroundings: ResourceManagerSurroundings): Part {
  return (call) => {
    const subscription = /^\/subscriptions\/([^/]+)(\/.*)$/.exec(call.url.pathname);
    if (subscription === null) return undefined;
    const [, subscriptionId = '', path = ''] = subscription;
    const [work] = PROVIDERS.flatMap((provider) => provider(call, path) ?? []);
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
