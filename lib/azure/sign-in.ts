import type { TokenCredential } from '@azure/identity';
import type { Dispatcher } from 'undici';
import { unlessAborted } from '../http/unless-aborted.ts';
import { readyCertificate } from './certificate.ts';
import type { AzureConnection } from './connection.ts';
import type { Assertion } from './entra-refusals.ts';
import type { IdentityHttpOptions, TokenExchange } from './identity-http-client.ts';
import { signInError } from './sign-in-error.ts';
import type { SignIn } from './token-source.ts';

/** What signing in needs from outside. */
export interface SignInSurroundings {
  readonly dispatcher: Dispatcher;
  readonly signal: AbortSignal;
}

type Claims = Readonly<Record<'iss' | 'sub' | 'aud', unknown>>;

/**
 * The way in of a service connection. No request is made before the first token is asked for. What it throws is told by
 * {@link signInError}: `AZURE_UNREACHABLE`, `AZURE_SIGN_IN_REFUSED`, `AZURE_SECRET_REFUSED`, `AZURE_SECRET_EXPIRED`,
 * `AZURE_CERTIFICATE_REFUSED`, `AZURE_FEDERATION_MISSING`, `AZURE_VOUCHER_REFUSED`, `AZURE_ASSERTION_EXPIRED`,
 * `AZURE_IDENTITY_NOT_FOUND`, `AZURE_SIGN_IN_BLOCKED`, `AZURE_RESOURCE_UNKNOWN`, `MANAGED_IDENTITY_MISSING`, `CONNECTION_INVALID`.
 */
export function signInOf(connection: AzureConnection, { dispatcher, signal }: SignInSurroundings): SignIn {
  let last: TokenExchange | undefined;
  let assertion: Assertion | undefined;
  const onExchange = (exchange: TokenExchange): void => {
    last = exchange;
    assertion = assertionIn(exchange) ?? assertion;
  };
  let credential: Promise<TokenCredential> | undefined;
  return async (scope, afresh) => {
    last = undefined;
    // The library keeps tokens itself, and has no way to be told that one of them is of no use.
    if (afresh) credential = undefined;
    try {
      credential ??= credentialOf(connection, {
        // A machine either has a metadata service or does not.
        persistent: connection.identity.kind !== 'managed',
        dispatcher,
        signal,
        onExchange,
      });
      // The library waits between attempts without knowing that the task was cancelled.
      const token = await unlessAborted((await credential).getToken(scope), signal);
      if (token === null) throw new Error('no token was given');
      return { token: token.token, expires: token.expiresOnTimestamp };
    } catch (error) {
      signal.throwIfAborted();
      throw signInError(error, connection, { last, assertion });
    }
  };
}

async function credentialOf(
  { cloud, identity, id }: AzureConnection,
  http: IdentityHttpOptions,
): Promise<TokenCredential> {
  // The library is large, and a task that signs in otherwise never needs it.
  const [sdk, { callersHttpClient, callingThrough, identityHttpClient }] = await Promise.all([
    import('@azure/identity'),
    import('./identity-http-client.ts'),
  ]);
  const httpClient = identityHttpClient(http);
  // The authority comes from the service connection; there is nobody else to ask whether it is one.
  const options = { authorityHost: cloud.authority, disableInstanceDiscovery: true, httpClient };
  switch (identity.kind) {
    case 'federated':
      return new sdk.AzurePipelinesCredential(identity.tenantId, identity.clientId, id, identity.accessToken, options);
    case 'secret':
      return new sdk.ClientSecretCredential(identity.tenantId, identity.clientId, identity.secret, options);
    case 'certificate': {
      const certificate = { certificate: readyCertificate(identity.pem, id) };
      return new sdk.ClientCertificateCredential(identity.tenantId, identity.clientId, certificate, options);
    }
    case 'managed': {
      const own = identity.clientId === undefined ? {} : { clientId: identity.clientId };
      const credential = new sdk.ManagedIdentityCredential({ ...own, httpClient: callersHttpClient });
      return { getToken: (scopes) => callingThrough(httpClient, () => credential.getToken(scopes)) };
    }
  }
}

/** The claims of the assertion that Azure Pipelines has made, where an exchange was that. */
function assertionIn({ text = '' }: TokenExchange): Assertion | undefined {
  const payload = /"oidcToken"\s*:\s*"[^".]+\.([^".]+)\./.exec(text)?.[1];
  if (payload === undefined) return undefined;
  try {
    const { iss, sub, aud } = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8')) as Partial<Claims>;
    return { issuer: String(iss), subject: String(sub), audience: String(aud) };
  } catch {
    // It only serves to explain a refusal; whether it is a token is Entra's to judge.
    return undefined;
  }
}
