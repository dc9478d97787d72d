// How an application proves to Entra who it is. Follows
// https://learn.microsoft.com/entra/identity-platform/certificate-credentials (what a certificate's assertion holds) and
// https://learn.microsoft.com/entra/workload-id/workload-identity-federation (what an assertion from outside holds).
import { type KeyObject, X509Certificate } from 'node:crypto';
import type { Application } from './directory.ts';
import { Refusal } from './entra-refusal.ts';
import { publicKeyOf, readToken, type ReadToken, seconds } from './json-web-token.ts';

/** What a proof is held against, besides the application. */
export interface ProofSurroundings {
  /** The token endpoint's address: what a certificate's assertion must be meant for. */
  readonly endpoint: string;
  /** Public keys of those outside who may vouch, by issuer. */
  readonly issuers: Readonly<Record<string, KeyObject>>;
  /** Ids of assertions that were used before; each is good for one token. */
  readonly used: Set<string>;
}

/** Checks the secret or assertion of a request. Throws {@link Refusal}. */
export function checkProof(form: URLSearchParams, application: Application, surroundings: ProofSurroundings): void {
  const [secret, assertion] = [form.get('client_secret'), form.get('client_assertion')];
  if (secret !== null) {
    checkSecret(secret, application);
    return;
  }
  if (
    assertion === null ||
    form.get('client_assertion_type') !== 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'
  ) {
    throw new Refusal(
      401,
      'invalid_client',
      7000218,
      "The request body must contain the following parameter: 'client_assertion' or 'client_secret'.",
    );
  }
  const read = readToken(assertion);
  if (read === undefined) throw new Refusal(401, 'invalid_client', 50027, 'JWT token is invalid or malformed.');
  if (read.claims.iss === application.clientId) checkCertified(read, application, surroundings);
  else checkFederated(read, application, surroundings);
  checkTimes(read);
  const { used } = surroundings;
  const id = typeof read.claims.jti === 'string' ? read.claims.jti : assertion;
  if (used.has(id)) throw new Refusal(401, 'invalid_client', 50013, 'Assertion failed validation: it was used before.');
  used.add(id);
}

function checkSecret(secret: string, { clientId, secrets }: Application): void {
  const found = secrets.find(({ value }) => value === secret);
  if (found === undefined) {
    throw new Refusal(
      401,
      'invalid_client',
      7000215,
      `Invalid client secret provided. Ensure the secret being sent in the request is the client secret value, not the client secret ID, for a secret added to app '${clientId}'.`,
    );
  }
  if (found.expires < new Date()) {
    throw new Refusal(
      401,
      'invalid_client',
      7000222,
      `The provided client secret keys for app '${clientId}' are expired. Visit the Azure portal to create new keys for your app: https://aka.ms/NewClientSecret, or consider using certificate credentials for added security: https://aka.ms/certCreds.`,
    );
  }
}

function checkCertified(
  { header, claims, signedBy }: ReadToken,
  { clientId, certificates }: Application,
  { endpoint }: ProofSurroundings,
): void {
  const certificate = certificates.find((pem) => {
    const { fingerprint, fingerprint256 } = new X509Certificate(pem);
    return header.x5t === printed(fingerprint) || header['x5t#S256'] === printed(fingerprint256);
  });
  if (certificate === undefined || !signedBy(publicKeyOf(certificate))) {
    throw new Refusal(
      401,
      'invalid_client',
      700027,
      `The certificate with identifier used to sign the client assertion is not registered on application. [Reason - The key was not found.]`,
    );
  }
  if (claims.aud !== endpoint || claims.sub !== clientId) {
    throw new Refusal(401, 'invalid_client', 700023, `Client assertion audience claim does not match Realm issuer.`);
  }
}

function checkFederated(
  { claims, signedBy }: ReadToken,
  { federatedCredentials }: Application,
  { issuers }: ProofSurroundings,
): void {
  const [issuer, subject, audience] = [String(claims.iss), String(claims.sub), String(claims.aud)];
  const refuse = (number: number, what: string, value: string): never => {
    throw new Refusal(
      401,
      'invalid_client',
      number,
      `No matching federated identity record found for presented assertion ${what} '${value}'. Check your federated identity credential Subject, Audience and Issuer against the presented assertion. https://learn.microsoft.com/entra/workload-id/workload-identity-federation`,
    );
  };
  const byIssuer = federatedCredentials.filter((credential) => credential.issuer === issuer);
  const bySubject = byIssuer.filter((credential) => credential.subject === subject);
  if (byIssuer.length === 0) refuse(700211, 'issuer', issuer);
  if (bySubject.length === 0) refuse(700213, 'subject', subject);
  if (!bySubject.some((credential) => credential.audience === audience)) refuse(700212, 'audience', audience);
  const key = issuers[issuer];
  if (key === undefined || !signedBy(key)) {
    throw new Refusal(401, 'invalid_client', 50013, 'Assertion failed signature validation.');
  }
}

/** A certificate's fingerprint as assertions spell it. */
function printed(fingerprint: string): string {
  return Buffer.from(fingerprint.replaceAll(':', ''), 'hex').toString('base64url');
}

function checkTimes({ claims: { nbf, exp } }: ReadToken): void {
  const now = seconds();
  if (typeof exp === 'number' && exp > now && (typeof nbf !== 'number' || nbf <= now + 1)) return;
  throw new Refusal(
    401,
    'invalid_client',
    700024,
    'Client assertion is not within its valid time range. Current time: ' +
      `${new Date().toISOString()}, expiry time of assertion ${new Date(Number(exp) * 1000).toISOString()}.`,
  );
}
