import assert from 'node:assert/strict';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import type { S3Access, S3Credential } from '../../../lib/model/stores/s3-access.ts';
import { judgeFailure, RoleError, storeError } from '../../../lib/model/stores/s3-errors.ts';

const KEYS: S3Credential = {
  kind: 'keys',
  accessKeyId: 'AKIAEXAMPLE',
  secretAccessKey: 'secret',
  sessionToken: undefined,
};
const access = (credential: S3Credential = KEYS): S3Access => ({
  bucket: 'models',
  region: 'eu-central-1',
  endpoint: undefined,
  pathStyle: true,
  credential,
});
const answered = (httpStatusCode: number, name: string, headers: Record<string, string> = {}, message = 'no'): Error =>
  Object.assign(new Error(message), { name, $metadata: { httpStatusCode }, $response: { headers } });
const broken = (code: string): Error => Object.assign(new Error('broken'), { code });

describe('a failed request to S3', () => {
  const cases: readonly (readonly [string, Error, S3Credential, string, RegExp])[] = [
    ['a host that does not exist', broken('ENOTFOUND'), KEYS, 'STORE_UNREACHABLE', /does not exist/],
    ['a host that does not answer', broken('UND_ERR_CONNECT_TIMEOUT'), KEYS, 'STORE_UNREACHABLE', /did not answer/],
    [
      'a failure without a code',
      new Error('it is odd'),
      KEYS,
      'STORE_UNREACHABLE',
      /could not be reached: it is odd\.$/,
    ],
    ['a stall', broken('UND_ERR_BODY_TIMEOUT'), KEYS, 'STORE_UNREACHABLE', /stopped answering/],
    ['an unknown key', answered(403, 'InvalidAccessKeyId'), KEYS, 'STORE_UNAUTHORIZED', /access key AKIAEXAMPLE/],
    ['a wrong secret', answered(403, 'SignatureDoesNotMatch'), KEYS, 'STORE_UNAUTHORIZED', /SignatureDoesNotMatch/],
    ['an expired session', answered(400, 'ExpiredToken'), KEYS, 'STORE_UNAUTHORIZED', /has expired/],
    ['a clock that is wrong', answered(403, 'RequestTimeTooSkewed'), KEYS, 'STORE_UNAUTHORIZED', /clock/],
    [
      'a missing right',
      answered(403, 'AccessDenied', {}, 'User x is not authorized to perform: s3:GetObject'),
      KEYS,
      'STORE_FORBIDDEN',
      /"a\/b" in the bucket models: User x is not authorized/,
    ],
    ['a private bucket', answered(403, 'AccessDenied'), { kind: 'anonymous' }, 'STORE_UNAUTHORIZED', /not open/],
    ['a missing bucket', answered(404, 'NoSuchBucket'), KEYS, 'CONTAINER_NOT_FOUND', /bucket models/],
    ['a missing object', answered(404, 'NoSuchKey'), KEYS, 'BLOB_NOT_FOUND', /object "a\/b" in the bucket models/],
    ['an object that changed', answered(412, 'PreconditionFailed'), KEYS, 'BLOB_CHANGED', /"a\/b"/],
    ['an object that became shorter', answered(416, 'InvalidRange'), KEYS, 'BLOB_CHANGED', /"a\/b"/],
    ['an archived object', answered(403, 'InvalidObjectState'), KEYS, 'BLOB_ARCHIVED', /archive/],
    [
      'a bucket elsewhere',
      answered(301, 'PermanentRedirect', { 'x-amz-bucket-region': 'us-west-2' }),
      KEYS,
      'STORE_ADDRESS_INVALID',
      /not in the region eu-central-1 but in us-west-2/,
    ],
    [
      'a bucket that is being moved',
      answered(307, 'TemporaryRedirect', { 'x-amz-bucket-region': 'us-west-2' }),
      KEYS,
      'STORE_ADDRESS_INVALID',
      /us-west-2/,
    ],
    [
      'a signature for another region',
      answered(400, 'AuthorizationHeaderMalformed', {}, "the region 'eu-central-1' is wrong; expecting 'eu-west-1'"),
      KEYS,
      'STORE_ADDRESS_INVALID',
      /but in eu-west-1/,
    ],
    ['anything else', answered(500, 'InternalError'), KEYS, 'STORE_FAILED', /s3\.eu-central-1.*500 \(InternalError\)/],
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
    const transient = (cause: Error, known = false): boolean => judgeFailure(cause, { known, renews: false }).transient;
    for (const status of [408, 429, 500, 502, 503, 504]) assert.ok(transient(answered(status, '')));
    for (const status of [400, 401, 403, 404, 409, 412, 501]) assert.ok(!transient(answered(status, '')));
    // What S3 says with a status of its own.
    for (const code of ['RequestTimeout', 'BadDigest', 'IncompleteBody']) assert.ok(transient(answered(400, code)));
    assert.ok(transient(answered(409, 'ConditionalRequestConflict')));
    assert.ok(transient(answered(200, 'InternalError')));
    for (const code of ['ECONNRESET', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT']) assert.ok(transient(broken(code)));
    for (const code of ['ENOTFOUND', 'SELF_SIGNED_CERT_IN_CHAIN']) assert.ok(!transient(broken(code)));
    assert.ok(!transient(new DeliveryError('BLOB_CHANGED', { message: 'm', remedy: 'r' })));
    assert.ok(transient(broken('UND_ERR_CONNECT_TIMEOUT'), true));
  });

  it('is tried again at the time that a busy store asks for', () => {
    const busy = answered(503, 'SlowDown', { 'retry-after': '7' });
    const verdict = { transient: true, busy: true, retryAfter: '7' };
    assert.deepEqual(judgeFailure(busy, { known: true, renews: false }), verdict);
  });

  it('for keys that have expired is tried again only where there are new ones to be had', () => {
    const expired = answered(400, 'ExpiredToken');
    assert.ok(judgeFailure(expired, { known: true, renews: true }).transient);
    assert.ok(!judgeFailure(expired, { known: true, renews: false }).transient);
  });

  it('because a role was refused speaks of the role, not of the bucket', () => {
    const role: S3Credential = {
      kind: 'role',
      arn: 'arn:aws:iam::1:role/models',
      sessionName: 's',
      externalId: undefined,
      by: KEYS,
      hide: () => undefined,
    };
    const refused = storeError(new RoleError(answered(403, 'AccessDenied', {}, 'Not authorized')), access(role), 'a');
    assert.equal(refused.code, 'ROLE_NOT_ASSUMED');
    assert.match(refused.message, /^The role arn:aws:iam::1:role\/models could not be assumed: Not authorized\.$/);
    assert.ok(judgeFailure(new RoleError(answered(503, 'Throttling')), { known: false, renews: true }).transient);
    assert.ok(!judgeFailure(new RoleError(answered(403, 'AccessDenied')), { known: true, renews: true }).transient);
  });
});
