import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import { codeOf, isBusy, isPassing } from '../../http/retry.ts';
import { type AzureAccess, type AzureCredential, expiryOf } from './azure-access.ts';
import { mayConnectYet, unreachable } from './connection-failure.ts';
import type { Verdict } from './retry.ts';

/** What can be told about a failed request, whatever the SDK made of it. */
export interface Failure {
  /** HTTP status; undefined where no answer came. */
  readonly status: number | undefined;
  /** Azure's error code, such as `ContainerNotFound`, or Node's, such as `ENOTFOUND`. */
  readonly code: string | undefined;
  readonly retryAfter: string | undefined;
  /** HTTP method of the request, where it was sent. */
  readonly method: string | undefined;
  readonly cause: unknown;
}

interface RestErrorShape {
  readonly statusCode?: number;
  readonly code?: unknown;
  readonly details?: { readonly errorCode?: unknown };
  readonly request?: { readonly method?: string };
  readonly response?: { readonly headers: { get(name: string): string | undefined } };
}

/** Reads the SDK's error (`RestError`) or a broken body's. */
export function failureOf(cause: unknown): Failure {
  const { statusCode, code, details, request, response } = (cause instanceof Error ? cause : {}) as RestErrorShape;
  const words = [response?.headers.get('x-ms-error-code'), details?.errorCode, code, codeOf(cause)];
  return {
    status: statusCode,
    code: words.find((word): word is string => typeof word === 'string' && word !== ''),
    retryAfter: response?.headers.get('retry-after'),
    method: request?.method,
    cause,
  };
}

/**
 * Whether another attempt may succeed.
 *
 * @param known the store has answered before: its host is real, so that even a refused connection may be passing
 */
export function judgeFailure(cause: unknown, known: boolean): Verdict {
  const failure = failureOf(cause);
  const { status, retryAfter } = failure;
  if (status !== undefined) return { transient: isPassing(status), busy: isBusy(status), retryAfter };
  return { transient: !(cause instanceof DeliveryError) && mayConnectYet(failure, known) };
}

/** Azure's codes for a proof that is wrong, as opposed to a right that is missing. */
const NOT_PROVEN = ['AuthenticationFailed', 'InvalidAuthenticationInfo', 'NoAuthenticationInformation'];

/** The one error that a user should read for a failed request about an object ('' for the container). */
export function storeError(cause: unknown, access: AzureAccess, name: string): DeliveryError {
  if (cause instanceof DeliveryError) return cause;
  const failure = failureOf(cause);
  const { status, code } = failure;
  if (status === undefined) return unreachable(failure, access.endpoint, 'storageAccount');
  if (code === 'ContainerNotFound' || code === 'ResourceNotFound') return containerNotFound(access, cause);
  if (status === 404) return blobNotFound(access, name, cause);
  if (code === 'LeaseIdMissing') return blobLeased(access, name, cause);
  // A range beyond the end: it has become shorter.
  if (status === 412 || status === 416) return blobChanged(access, name, cause);
  if (code === 'BlobArchived') return blobArchived(name, cause);
  if (code === 'PublicAccessNotPermitted') return notPublic(access, cause);
  if (code === 'KeyBasedAuthenticationNotPermitted') return keysOff(access, cause);
  if (status === 401 || (status === 403 && (NOT_PROVEN.includes(code ?? '') || doubtsProof(cause)))) {
    return unauthorized(access, cause);
  }
  if (status === 403) return forbidden(access, failure);
  return new DeliveryError('STORE_FAILED', {
    message: `The store ${access.endpoint} answered ${status}${code === undefined ? '' : ` (${code})`} to a request for ${nameOf(access, name)}.`,
    remedy: isPassing(status)
      ? 'Run the task again later.'
      : 'Run it with System.Debug set to true to see the request.',
    cause,
  });
}

/** An emulator has one code for a wrong signature and a missing right; only its text tells them apart. */
function doubtsProof(cause: unknown): boolean {
  return /server failed to authenticate/i.test(messageOf(cause));
}

export function blobNotFound({ account, container }: AzureAccess, name: string, cause?: unknown): DeliveryError {
  return new DeliveryError('BLOB_NOT_FOUND', {
    message: `There is no blob ${JSON.stringify(name)} in the container ${container} of ${account}.`,
    remedy: 'Check its name; names are case-sensitive.',
    cause,
  });
}

export function blobChanged({ account, container }: AzureAccess, name: string, cause?: unknown): DeliveryError {
  return new DeliveryError('BLOB_CHANGED', {
    message: `The blob ${JSON.stringify(name)} in the container ${container} of ${account} changed while it was read.`,
    remedy:
      'Run again once nothing writes to it any more, or publish models with PublishModel, whose versions never change.',
    cause,
  });
}

function blobLeased({ account, container }: AzureAccess, name: string, cause: unknown): DeliveryError {
  return new DeliveryError('BLOB_LEASED', {
    message: `The blob ${JSON.stringify(name)} in the container ${container} of ${account} is leased, so it can neither be changed nor removed.`,
    remedy: 'Break its lease (in the portal: the blob → Break lease), and look for what leases blobs there.',
    cause,
  });
}

function nameOf({ container }: AzureAccess, name: string): string {
  return name === '' ? `the container ${container}` : `${JSON.stringify(name)} in the container ${container}`;
}

function containerNotFound({ account, container, credential }: AzureAccess, cause: unknown): DeliveryError {
  return new DeliveryError('CONTAINER_NOT_FOUND', {
    message: `There is no container ${container} in the storage account ${account}${credential.kind === 'anonymous' ? ' that is open to everyone' : ''}.`,
    remedy:
      credential.kind === 'anonymous'
        ? 'Check its name; if it is private, choose another storageAuth.'
        : 'Check its name, or create it in the storage account.',
    cause,
  });
}

function blobArchived(name: string, cause: unknown): DeliveryError {
  return new DeliveryError('BLOB_ARCHIVED', {
    message: `The blob ${JSON.stringify(name)} is in the archive tier and cannot be read.`,
    remedy: 'Rehydrate it to the hot or cool tier first (this takes hours).',
    cause,
  });
}

function notPublic({ account, container }: AzureAccess, cause: unknown): DeliveryError {
  return new DeliveryError('STORE_UNAUTHORIZED', {
    message: `The container ${container} of ${account} is not open to everyone.`,
    remedy: 'Choose another storageAuth than anonymous.',
    cause,
  });
}

function keysOff({ account }: AzureAccess, cause: unknown): DeliveryError {
  return new DeliveryError('ACCOUNT_KEYS_OFF', {
    message: `The storage account ${account} does not let account keys in, nor what is signed with them.`,
    remedy: 'Use storageAuth entra, or allow key access under Settings → Configuration of the account.',
    cause,
  });
}

function unauthorized({ account, credential }: AzureAccess, cause: unknown): DeliveryError {
  const [proof, remedy] = proofOf(credential);
  return new DeliveryError('STORE_UNAUTHORIZED', {
    message: `The storage account ${account} did not accept ${proof}.`,
    remedy,
    cause,
  });
}

/** What was shown, and what to do where it is not accepted. */
function proofOf(credential: AzureCredential): readonly [proof: string, remedy: string] {
  switch (credential.kind) {
    case 'key':
      return ['the account key', 'Check that it is a key of this account and was not rotated since.'];
    case 'sas':
      return [
        `the shared access signature (valid until ${expiryOf(credential.token) ?? 'a time its stored policy says'})`,
        'Make a new one; it ends when it expires or when its key is rotated.',
      ];
    case 'token':
      return [
        `the token of ${credential.identity}`,
        'Check that the account belongs to the tenant and the cloud of the service connection.',
      ];
    case 'anonymous':
      return ['a request without credentials', 'Choose another storageAuth than anonymous.'];
  }
}

function forbidden(access: AzureAccess, { code, method, cause }: Failure): DeliveryError {
  const { account, container, credential } = access;
  if (credential.kind === 'token' && code === 'AuthorizationPermissionMismatch') {
    return roleMissing(access, credential.identity, method, cause);
  }
  const why = code === undefined ? '' : ` (${code})`;
  return new DeliveryError('STORE_FORBIDDEN', {
    message: `The storage account ${account} knows these credentials but does not allow this on the container ${container}${why}.`,
    remedy:
      credential.kind === 'sas'
        ? 'Make the signature with the permissions read and list, and for publishing also create, write and delete, for this container.'
        : "Check the account's network rules (Networking → Firewalls): they must let the agent in.",
    cause,
  });
}

/** An identity that is known but has no role for what it asked. */
function roleMissing(
  { account, container }: AzureAccess,
  identity: string,
  method: string | undefined,
  cause: unknown,
): DeliveryError {
  const reads = method === 'GET' || method === 'HEAD';
  return new DeliveryError('STORE_FORBIDDEN', {
    message: `The container ${container} of the storage account ${account} may not be ${reads ? 'read' : 'written'} by ${identity}.`,
    remedy: `Give it the role "Storage Blob Data ${reads ? 'Reader' : 'Contributor'}" on that container or account (Access control (IAM)); it takes up to ten minutes to work.`,
    cause,
  });
}
