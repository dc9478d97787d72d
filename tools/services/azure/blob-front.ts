// The door of a storage account: who may come in is decided here, for the emulator behind it believes any token that is not
// too old and knows no roles. Answers follow
// https://learn.microsoft.com/rest/api/storageservices/authorize-with-azure-active-directory (the challenge) and
// https://learn.microsoft.com/rest/api/storageservices/common-rest-api-error-codes (the bodies).
import { type KeyObject, randomUUID } from 'node:crypto';
import type { IncomingMessage, RequestListener, ServerResponse } from 'node:http';
import { Agent, request as send } from 'node:https';
import { pipeline } from 'node:stream';
import { bearerOf } from './calls.ts';
import { accountId, type Directory, mayDo, type StorageAccount } from './directory.ts';
import { issuerOf } from './entra.ts';
import { readToken, seconds } from './json-web-token.ts';

export interface BlobFrontSurroundings {
  readonly directory: () => Directory;
  readonly entraKey: KeyObject;
  /** Where the emulator answers, and the authority of its certificate. */
  readonly emulator: { readonly origin: string; readonly ca: string };
  /** Whether a token was revoked before it ended. */
  readonly isRevoked: (token: string) => boolean;
  /** Hears of each token that came with a request. */
  readonly onToken: (token: string) => void;
  /** Hears the code of each refusal. */
  readonly onRefusal: (code: string) => void;
}

interface Refusal {
  readonly status: number;
  readonly code: string;
  readonly message: string;
}

const NOT_PROVEN: Refusal = {
  status: 401,
  code: 'InvalidAuthenticationInfo',
  message: 'Server failed to authenticate the request. Please refer to the information in the www-authenticate header.',
};
const NO_ROLE: Refusal = {
  status: 403,
  code: 'AuthorizationPermissionMismatch',
  message: 'This request is not authorized to perform this operation using this permission.',
};
const NO_KEYS: Refusal = {
  status: 403,
  code: 'KeyBasedAuthenticationNotPermitted',
  message: 'Key based authentication is not permitted on this storage account.',
};

/** Lets in who may come in, and hands everything on to the emulator. */
export function blobFront(surroundings: BlobFrontSurroundings): RequestListener {
  const { origin, ca } = surroundings.emulator;
  const agent = new Agent({ ca, keepAlive: true });
  return (request, response) => {
    const refusal = refusalOf(request, surroundings);
    if (refusal !== undefined) {
      surroundings.onRefusal(refusal.code);
      refuse(response, refusal, surroundings.directory());
      return;
    }
    const { method, headers, url = '' } = request;
    // The emulator would take the first part of another host name for the account.
    const toEmulator = { ...headers, host: new URL(origin).host };
    const onward = send(`${origin}${url}`, { method, headers: toEmulator, agent }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers);
      pipeline(answer, response, () => undefined);
    });
    onward.on('error', () => response.destroy());
    pipeline(request, onward, () => undefined);
  };
}

function refusalOf(request: IncomingMessage, surroundings: BlobFrontSurroundings): Refusal | undefined {
  const directory = surroundings.directory();
  const [, accountName = '', container = ''] = new URL(request.url ?? '', 'https://localhost').pathname.split('/');
  const account = directory.storageAccounts.find(({ blobEndpoint }) => blobEndpoint.endsWith(`/${accountName}`));
  if (account === undefined) return { status: 404, code: 'ResourceNotFound', message: 'There is no such account.' };
  const { authorization = '' } = request.headers;
  if (authorization.startsWith('SharedKey ')) return account.allowsKeys ? undefined : NO_KEYS;
  const token = bearerOf(request.headers);
  // Signatures in the address, and no proof at all, are for the emulator to judge.
  if (token === undefined) return undefined;
  surroundings.onToken(token);
  return refusalOfToken(token, { account, container, method: request.method ?? '', ...surroundings });
}

function refusalOfToken(
  token: string,
  {
    account,
    container,
    method,
    directory,
    entraKey,
    isRevoked,
  }: BlobFrontSurroundings & {
    readonly account: StorageAccount;
    readonly container: string;
    readonly method: string;
  },
): Refusal | undefined {
  const read = readToken(token);
  if (read?.signedBy(entraKey) !== true || isRevoked(token)) return NOT_PROVEN;
  const { aud, iss, exp, oid } = read.claims;
  if (aud !== 'https://storage.azure.com' || iss !== issuerOf(directory().tenantId)) return NOT_PROVEN;
  if (Number(exp) <= seconds()) return NOT_PROVEN;
  const action = `Microsoft.Storage/storageAccounts/blobServices/containers/blobs/${['GET', 'HEAD'].includes(method) ? 'read' : 'write'}`;
  const place = `${accountId(account)}/blobServices/default/containers/${container}`;
  return mayDo(directory(), String(oid), action, place) ? undefined : NO_ROLE;
}

function refuse(response: ServerResponse, { status, code, message }: Refusal, { tenantId }: Directory): void {
  const id = randomUUID();
  const authority = `https://login.microsoftonline.com/${tenantId}/oauth2/authorize`;
  response.writeHead(status, {
    'content-type': 'application/xml',
    'x-ms-error-code': code,
    'x-ms-request-id': id,
    ...(status === 401
      ? { 'www-authenticate': `Bearer authorization_uri=${authority} resource_id=https://storage.azure.com` }
      : {}),
  });
  response.end(
    `<?xml version="1.0" encoding="utf-8"?><Error><Code>${code}</Code><Message>${message}\nRequestId:${id}\nTime:${new Date().toISOString()}</Message></Error>`,
  );
}
