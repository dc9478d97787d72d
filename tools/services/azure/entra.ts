// Microsoft Entra's token endpoint. Follows
// https://learn.microsoft.com/entra/identity-platform/v2-oauth2-client-creds-grant-flow (requests, answers and errors) and
// https://learn.microsoft.com/entra/identity-platform/v2-protocols-oidc#fetch-the-openid-configuration-document.
import { type KeyObject, randomUUID } from 'node:crypto';
import type { Answer, Call, Part } from './calls.ts';
import type { Directory } from './directory.ts';
import { checkProof } from './entra-proofs.ts';
import { Refusal } from './entra-refusal.ts';
import { issueToken, seconds } from './json-web-token.ts';

/** What Entra needs to know besides the directory. */
export interface EntraSurroundings {
  readonly directory: () => Directory;
  /** Private key that signs its tokens, as PEM. */
  readonly signingKey: string;
  /** How long its tokens live, in seconds. */
  readonly tokenLife: () => number;
  /** The audience that tokens of a scope have; undefined for a scope that nobody knows. */
  readonly audienceOf: (scope: string) => string | undefined;
  /** Public keys of those outside who may vouch, by issuer. */
  readonly issuers: Readonly<Record<string, KeyObject>>;
}

export function entra(surroundings: EntraSurroundings): Part {
  /** Ids of assertions that were used; each is good for one token. */
  const used = new Set<string>();
  return (call) => {
    const [, tenant = '', ...rest] = call.url.pathname.split('/');
    switch (`${call.method} ${rest.join('/')}`) {
      case 'GET v2.0/.well-known/openid-configuration':
        return answering(() => configuration(tenant, call, surroundings));
      case 'POST oauth2/v2.0/token':
        return answering(() => token(tenant, call, surroundings, used));
      default:
        return undefined;
    }
  };
}

/** A token of this Entra's for somebody who has proven who they are. */
export function accessToken(
  { signingKey, tokenLife, directory }: EntraSurroundings,
  { clientId, objectId }: { readonly clientId: string; readonly objectId: string },
  audience: string,
): { readonly token: string; readonly life: number; readonly expires: number } {
  const { tenantId } = directory();
  // The second that has begun counts: clients take it that a token lives as long as they are told from the answer on.
  const [now, life] = [seconds(), tokenLife()];
  const claims = {
    aud: audience,
    iss: issuerOf(tenantId),
    iat: now,
    nbf: now,
    exp: now + life + 1,
    appid: clientId,
    oid: objectId,
    sub: objectId,
    tid: tenantId,
    idtyp: 'app',
    ver: '1.0',
    jti: randomUUID(),
  };
  return { token: issueToken(claims, signingKey, 'entra'), life, expires: now + life };
}

/** Issuer of tokens of version 1.0, which Azure's own services take. */
export function issuerOf(tenantId: string): string {
  return `https://sts.windows.net/${tenantId}/`;
}

function answering(work: () => unknown): Answer {
  try {
    return { status: 200, headers: { 'cache-control': 'no-store' }, body: work() };
  } catch (refusal) {
    if (!(refusal instanceof Refusal)) throw refusal;
    const [trace, correlation] = [randomUUID(), randomUUID()];
    const timestamp = new Date().toISOString().replace('T', ' ').replace(/\..*/, 'Z');
    return {
      status: refusal.status,
      body: {
        error: refusal.error,
        error_description: `${refusal.message} Trace ID: ${trace} Correlation ID: ${correlation} Timestamp: ${timestamp}`,
        error_codes: [refusal.number],
        timestamp,
        trace_id: trace,
        correlation_id: correlation,
        error_uri: `https://login.microsoftonline.com/error?code=${refusal.number}`,
      },
    };
  }
}

function configuration(tenant: string, { url }: Call, { directory }: EntraSurroundings): object {
  checkTenant(tenant, directory());
  const root = `${url.origin}/${tenant}`;
  return {
    issuer: `${root}/v2.0`,
    authorization_endpoint: `${root}/oauth2/v2.0/authorize`,
    token_endpoint: `${root}/oauth2/v2.0/token`,
    jwks_uri: `${root}/discovery/v2.0/keys`,
    token_endpoint_auth_methods_supported: ['client_secret_post', 'private_key_jwt', 'client_secret_basic'],
  };
}

function token(tenant: string, call: Call, surroundings: EntraSurroundings, used: Set<string>): object {
  const directory = surroundings.directory();
  checkTenant(tenant, directory);
  const form = new URLSearchParams(call.body);
  if (form.get('grant_type') !== 'client_credentials') {
    throw new Refusal(400, 'unsupported_grant_type', 70003, 'The grant type is not supported over this endpoint.');
  }
  const clientId = form.get('client_id') ?? '';
  const application = directory.applications.find((candidate) => candidate.clientId === clientId);
  if (application === undefined) {
    throw new Refusal(
      400,
      'unauthorized_client',
      700016,
      `Application with identifier '${clientId}' was not found in the directory 'Stand-in'. This can happen if the application has not been installed by the administrator of the tenant or consented to by any user in the tenant. You may have sent your authentication request to the wrong tenant.`,
    );
  }
  if (!application.enabled) {
    throw new Refusal(400, 'unauthorized_client', 7000112, `Application '${clientId}'(Stand-in) is disabled.`);
  }
  const endpoint = `${call.url.origin}${call.url.pathname}`;
  checkProof(form, application, { endpoint, issuers: surroundings.issuers, used });
  const scopes = (form.get('scope') ?? '').split(' ').filter((scope) => scope.includes('/'));
  const audience = surroundings.audienceOf(scopes[0] ?? '');
  if (scopes.length !== 1 || audience === undefined) {
    throw new Refusal(
      400,
      'invalid_resource',
      500011,
      `The resource principal named ${scopes.join(' ')} was not found in the tenant named Stand-in.`,
    );
  }
  const { token, life } = accessToken(surroundings, application, audience);
  return { token_type: 'Bearer', expires_in: life, ext_expires_in: life, access_token: token };
}

function checkTenant(tenant: string, { tenantId }: Directory): void {
  if (tenant === tenantId) return;
  throw new Refusal(
    400,
    'invalid_request',
    90002,
    `Tenant '${tenant}' not found. Check to make sure you have the correct tenant ID and are signing into the correct cloud.`,
  );
}
