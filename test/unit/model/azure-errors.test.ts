import assert from 'node:assert/strict';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import type { AzureAccess, AzureCredential } from '../../../lib/model/stores/azure-access.ts';
import { judgeFailure, storeError } from '../../../lib/model/stores/azure-errors.ts';

const access = (credential: AzureCredential): AzureAccess => ({
  account: 'shop',
  endpoint: 'https://shop.blob.core.windows.net',
  container: 'models',
  credential,
});
const KEY: AzureCredential = { kind: 'key', accountKey: 'k' };
const SAS: AzureCredential = { kind: 'sas', token: 'se=2030-01-01&sig=x' };
const TOKEN: AzureCredential = { kind: 'token', token: () => Promise.resolve('t'), identity: 'the application a1' };
const answered = (statusCode: number, code: string, message = 'no'): Error =>
  Object.assign(new Error(message), { statusCode, code });
const sent = (method: string, error: Error): Error => Object.assign(error, { request: { method } });
const broken = (code: string): Error => Object.assign(new Error('broken'), { code });

describe('a failed request to Azure Blob Storage', () => {
  const cases: readonly (readonly [string, Error, AzureCredential, string, RegExp])[] = [
    ['a host that does not exist', broken('ENOTFOUND'), KEY, 'STORE_UNREACHABLE', /does not exist/],
    ['a refused connection', broken('ECONNREFUSED'), KEY, 'STORE_UNREACHABLE', /refused/],
    ['a host that does not answer', broken('CONNECT_TIMEOUT'), KEY, 'STORE_UNREACHABLE', /did not answer/],
    ['a wrong key', answered(403, 'AuthenticationFailed'), KEY, 'STORE_UNAUTHORIZED', /account key/],
    [
      'a wrong key, as emulators say it',
      answered(403, 'AuthorizationFailure', 'Server failed to authenticate the request.'),
      KEY,
      'STORE_UNAUTHORIZED',
      /account key/,
    ],
    [
      'an expired signature',
      answered(403, 'AuthenticationFailed'),
      SAS,
      'STORE_UNAUTHORIZED',
      /valid until 2030-01-01/,
    ],
    [
      'a signature without the right',
      answered(403, 'AuthorizationPermissionMismatch'),
      SAS,
      'STORE_FORBIDDEN',
      /does not allow/,
    ],
    [
      'an identity that may not read',
      sent('GET', answered(403, 'AuthorizationPermissionMismatch')),
      TOKEN,
      'STORE_FORBIDDEN',
      /container models of the storage account shop may not be read by the application a1/,
    ],
    [
      'an identity that may not write',
      sent('PUT', answered(403, 'AuthorizationPermissionMismatch')),
      TOKEN,
      'STORE_FORBIDDEN',
      /may not be written/,
    ],
    [
      'a token of another tenant',
      answered(401, 'InvalidAuthenticationInfo'),
      TOKEN,
      'STORE_UNAUTHORIZED',
      /token of the application a1/,
    ],
    ['an account without keys', answered(403, 'KeyBasedAuthenticationNotPermitted'), KEY, 'ACCOUNT_KEYS_OFF', /shop/],
    ['a firewall', answered(403, 'AuthorizationFailure'), KEY, 'STORE_FORBIDDEN', /does not allow/],
    [
      'a private container, anonymously',
      answered(404, 'ResourceNotFound'),
      { kind: 'anonymous' },
      'CONTAINER_NOT_FOUND',
      /open to everyone/,
    ],
    [
      'an account without public access',
      answered(409, 'PublicAccessNotPermitted'),
      { kind: 'anonymous' },
      'STORE_UNAUTHORIZED',
      /not open/,
    ],
    ['a missing container', answered(404, 'ContainerNotFound'), KEY, 'CONTAINER_NOT_FOUND', /container models/],
    ['a missing blob', answered(404, 'BlobNotFound'), KEY, 'BLOB_NOT_FOUND', /"a\/b"/],
    ['a blob that changed', answered(412, 'ConditionNotMet'), KEY, 'BLOB_CHANGED', /"a\/b"/],
    ['a blob that somebody leases', answered(412, 'LeaseIdMissing'), KEY, 'BLOB_LEASED', /"a\/b" .*is leased/],
    ['an archived blob', answered(409, 'BlobArchived'), KEY, 'BLOB_ARCHIVED', /archive/],
    ['anything else', answered(500, 'InternalError'), KEY, 'STORE_FAILED', /500 \(InternalError\)/],
  ];
  for (const [what, cause, credential, code, message] of cases) {
    it(`by ${what} is ${code}`, () => {
      const error = storeError(cause, access(credential), 'a/b');
      assert.deepEqual(
        { code: error.code, matches: message.test(error.message) },
        { code, matches: true },
        error.message,
      );
      assert.equal(error.cause, cause);
    });
  }

  it('is tried again only where that can help', () => {
    const transient = (cause: Error, known = false): boolean => judgeFailure(cause, known).transient;
    for (const status of [408, 429, 500, 502, 503, 504]) assert.ok(transient(answered(status, '')));
    for (const status of [429, 500, 503]) assert.equal(judgeFailure(answered(status, ''), true).busy, status !== 500);
    for (const status of [400, 401, 403, 404, 409, 412]) assert.ok(!transient(answered(status, '')));
    for (const code of ['ECONNRESET', 'EPIPE', 'IDLE_TIMEOUT', 'EAI_AGAIN']) assert.ok(transient(broken(code)));
    for (const code of ['ENOTFOUND', 'CONNECT_TIMEOUT', 'SELF_SIGNED_CERT_IN_CHAIN'])
      assert.ok(!transient(broken(code)));
    assert.ok(!transient(new DeliveryError('BLOB_CHANGED', { message: 'm', remedy: 'r' })));
  });

  it('is tried again even for want of a connection, once the store is known to be there', () => {
    assert.ok(judgeFailure(broken('CONNECT_TIMEOUT'), true).transient);
    assert.ok(!judgeFailure(broken('CERT_HAS_EXPIRED'), true).transient);
  });
});
