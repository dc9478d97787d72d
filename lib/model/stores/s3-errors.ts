import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import { refusalOfProxy } from '../../http/proxy.ts';
import { codeOf, isBusy, isPassing } from '../../http/retry.ts';
import { mayConnectYet, unreachable } from './connection-failure.ts';
import type { Verdict } from './retry.ts';
import type { S3Access } from './s3-access.ts';

/** What can be told about a failed request, whatever the SDK made of it. */
export interface Failure {
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  /** The store's error code, such as `NoSuchBucket`, or Node's, such as `ENOTFOUND`. */
  readonly code: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  readonly cause: unknown;
}

interface ServiceExceptionShape {
  readonly name: string;
  readonly $metadata?: { readonly httpStatusCode?: number };
  readonly $response?: { readonly headers?: Readonly<Record<string, string>> };
}

/** A role that could not be assumed, as opposed to a store that refuses; the SDK hands on what its way to the keys throws. */
export class RoleError extends Error {
  override readonly name = 'RoleError';

  constructor(cause: unknown) {
    super(messageOf(cause), { cause });
  }
}

/** Reads the SDK's error (`ServiceException`) or a broken connection's. */
export function failureOf(cause: unknown): Failure {
  const { name, $metadata, $response } = (cause instanceof Error ? cause : {}) as Partial<ServiceExceptionShape>;
  const status = $metadata?.httpStatusCode;
  return {
    status,
    code: status === undefined ? codeOf(cause) : name,
    headers: $response?.headers ?? {},
    cause,
  };
}

/**
 * Codes that mean "try again" whatever status they come with: S3 says that a request was too slow, or that bytes were
 * damaged on their way, with 400; that two writers met with 409; and may report a failure after it has begun to answer with 200.
 */
const PASSING = [
  ...['RequestTimeout', 'IncompleteBody', 'BadDigest', 'XAmzContentSHA256Mismatch', 'RequestTimeTooSkewed'],
  ...[
    'ConditionalRequestConflict',
    'OperationAborted',
    'SlowDown',
    'InternalError',
    'ServiceUnavailable',
    'Throttling',
  ],
];
const EXPIRED = ['ExpiredToken', 'ExpiredTokenException', 'TokenRefreshRequired'];

/** Whether a failure says that the keys at hand are over. */
export function hasExpired(cause: unknown): boolean {
  return EXPIRED.includes(failureOf(cause).code ?? '');
}

/**
 * Whether another attempt may succeed.
 *
 * @param known the store has answered before: its host is real, so that even a refused connection may be passing
 * @param renews keys that have expired are replaced before the next attempt
 */
export function judgeFailure(cause: unknown, { known, renews }: { known: boolean; renews: boolean }): Verdict {
  if (cause instanceof RoleError) return judgeFailure(cause.cause, { known, renews: false });
  if (cause instanceof DeliveryError) return { transient: false };
  const failure = failureOf(cause);
  const { status, code = '', headers } = failure;
  if (status === undefined) return { transient: mayConnectYet(failure, known) };
  const passing = isPassing(status) || PASSING.includes(code) || (renews && hasExpired(cause));
  return { transient: passing, busy: isBusy(status), retryAfter: headers['retry-after'] };
}

/** Codes for a proof that is wrong, as opposed to a right that is missing. */
const NOT_PROVEN = ['InvalidAccessKeyId', 'SignatureDoesNotMatch', 'InvalidToken', 'InvalidClientTokenId'];
const ELSEWHERE = ['PermanentRedirect', 'TemporaryRedirect', 'Redirect', 'AuthorizationHeaderMalformed'];

/** The one error that a user should read for a failed request about an object ('' for the bucket). */
export function storeError(cause: unknown, access: S3Access, name: string): DeliveryError {
  if (cause instanceof DeliveryError) return cause;
  if (cause instanceof RoleError) return roleError(cause, access);
  const failure = failureOf(cause);
  const { status, code = '' } = failure;
  if (status === undefined) return unreachable(failure, addressOf(access), 's3Endpoint and region');
  if (ELSEWHERE.includes(code) || status === 301 || status === 307) return elsewhere(failure, access);
  if (code === 'NoSuchBucket') return bucketNotFound(access, cause);
  if (status === 404) return objectNotFound(access, name, cause);
  // A range beyond the end: it has become shorter.
  if (status === 412 || status === 416) return objectChanged(access, name, cause);
  if (code === 'InvalidObjectState') return archived(name, cause);
  if (code === 'RequestTimeTooSkewed') return clockWrong(access, cause);
  if (status === 401 || NOT_PROVEN.includes(code) || EXPIRED.includes(code)) return unauthorized(access, code, cause);
  if (status === 403)
    return access.credential.kind === 'anonymous' ? notPublic(access, cause) : forbidden(access, name, cause);
  return new DeliveryError('STORE_FAILED', {
    message: `The store ${addressOf(access)} answered ${status} (${code}) to a request for ${nameOf(access, name)}.`,
    remedy: isPassing(status)
      ? 'Run the task again later.'
      : 'Run it with System.Debug set to true to see the request.',
    cause,
  });
}

/** Where requests go, for messages. */
export function addressOf({ endpoint, region }: S3Access): string {
  return endpoint ?? `https://s3.${region}.amazonaws.com`;
}

export function objectChanged({ bucket }: S3Access, name: string, cause?: unknown): DeliveryError {
  return new DeliveryError('BLOB_CHANGED', {
    message: `The object ${JSON.stringify(name)} in the bucket ${bucket} changed while it was read.`,
    remedy:
      'Run again once nothing writes to it any more, or publish models with PublishModel, whose versions never change.',
    cause,
  });
}

/** The store cannot promise what publishing rests on. */
export function conditionsUnsupported(access: S3Access, cause?: unknown): DeliveryError {
  return new DeliveryError('CONDITIONS_UNSUPPORTED', {
    message: `The store ${addressOf(access)} does not keep to conditional writes (If-None-Match, If-Match), so two runs could overwrite each other's version of a model.`,
    remedy: 'Publish to a store that has them, such as AWS S3, or update this one; fetching from it works.',
    cause,
  });
}

function nameOf({ bucket }: S3Access, name: string): string {
  return name === '' ? `the bucket ${bucket}` : `${JSON.stringify(name)} in the bucket ${bucket}`;
}

function objectNotFound({ bucket }: S3Access, name: string, cause: unknown): DeliveryError {
  return new DeliveryError('BLOB_NOT_FOUND', {
    message: `There is no object ${JSON.stringify(name)} in the bucket ${bucket}.`,
    remedy: 'Check its name; names are case-sensitive.',
    cause,
  });
}

function bucketNotFound(access: S3Access, cause: unknown): DeliveryError {
  return new DeliveryError('CONTAINER_NOT_FOUND', {
    message: `There is no bucket ${access.bucket} at ${addressOf(access)}.`,
    remedy: 'Check its name, or create it.',
    cause,
  });
}

function elsewhere({ headers, cause }: Failure, { bucket, region }: S3Access): DeliveryError {
  const named = /expecting '([\w-]+)'/.exec(messageOf(cause))?.[1];
  const right = headers['x-amz-bucket-region'] ?? (cause as { readonly Region?: string }).Region ?? named;
  return new DeliveryError('STORE_ADDRESS_INVALID', {
    message: `The bucket ${bucket} is not in the region ${region}${right === undefined ? '' : ` but in ${right}`}.`,
    remedy: right === undefined ? 'Set region to that of the bucket.' : `Set region to ${right}.`,
    cause,
  });
}

function archived(name: string, cause: unknown): DeliveryError {
  return new DeliveryError('BLOB_ARCHIVED', {
    message: `The object ${JSON.stringify(name)} is in an archive storage class and cannot be read.`,
    remedy: 'Restore it first (this takes minutes to hours).',
    cause,
  });
}

function clockWrong(access: S3Access, cause: unknown): DeliveryError {
  return new DeliveryError('STORE_UNAUTHORIZED', {
    message: `The store ${addressOf(access)} refused the request because the agent's clock differs too much from its own.`,
    remedy: "Set the clock of the agent's machine.",
    cause,
  });
}

function unauthorized({ bucket, credential }: S3Access, code: string, cause: unknown): DeliveryError {
  const expired = EXPIRED.includes(code);
  const key = credential.kind === 'keys' ? `the access key ${credential.accessKeyId}` : 'the credentials';
  return new DeliveryError('STORE_UNAUTHORIZED', {
    message: expired
      ? `The session of ${key} has expired, so the bucket ${bucket} cannot be used with it any more.`
      : `The store of the bucket ${bucket} did not accept ${key} (${code}).`,
    remedy: expired
      ? 'Take a fresh session token, or let the service connection assume a role: its keys are renewed.'
      : 'Check that access key, secret key and session token belong together and are still active.',
    cause,
  });
}

function notPublic({ bucket }: S3Access, cause: unknown): DeliveryError {
  return new DeliveryError('STORE_UNAUTHORIZED', {
    message: `The bucket ${bucket} is not open to everyone.`,
    remedy: 'Choose another s3Auth than anonymous.',
    cause,
  });
}

function forbidden(access: S3Access, name: string, cause: unknown): DeliveryError {
  return new DeliveryError('STORE_FORBIDDEN', {
    message: `The store knows these credentials but does not allow this on ${nameOf(access, name)}: ${messageOf(cause)}.`,
    remedy:
      'Allow s3:ListBucket and s3:GetObject, and for publishing also s3:PutObject, s3:DeleteObject and s3:AbortMultipartUpload; look at the bucket policy as well.',
    cause,
  });
}

function roleError({ cause }: RoleError, { credential }: S3Access): DeliveryError {
  if (cause instanceof DeliveryError) return cause;
  const { status, code } = failureOf(cause);
  const arn = credential.kind === 'role' ? credential.arn : '';
  const refusal = refusalOfProxy(cause);
  const why = refusal?.why ?? (status === undefined ? code : undefined) ?? messageOf(cause);
  return new DeliveryError('ROLE_NOT_ASSUMED', {
    message: `The role ${arn} could not be assumed: ${why.replace(/\.$/, '')}.`,
    remedy:
      refusal?.remedy ??
      (status === undefined
        ? 'Check that the agent may connect to the Security Token Service of the region (sts.<region>.amazonaws.com).'
        : "Check the role's trust policy: it must name who assumes it, with the external id or the claims of the token where it asks for them."),
    cause,
  });
}
