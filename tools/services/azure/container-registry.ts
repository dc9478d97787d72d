// An Azure Container Registry's token service. Follows https://github.com/Azure/acr/blob/main/docs/AAD-OAuth.md (exchange and token),
// https://github.com/Azure/acr/blob/main/docs/Token-BasicAuth.md (user name and password), and for its errors
// https://learn.microsoft.com/azure/container-registry/container-registry-troubleshoot-login and …/container-registry-troubleshoot-access.
import { type KeyObject, randomUUID } from 'node:crypto';
import { readScopes, registryToken, type RepositoryAccess, type TokenIssuer } from '../registry-token.ts';
import { type Answer, type Call, type Part } from './calls.ts';
import { type ContainerRegistry, type Directory, mayDo, registryId } from './directory.ts';
import { issuerOf } from './entra.ts';
import { issueToken, publicKeyOf, readToken, seconds } from './json-web-token.ts';

export interface RegistryTokenSurroundings {
  readonly directory: () => Directory;
  readonly registry: () => ContainerRegistry;
  readonly entraKey: KeyObject;
  /** Audience of Azure Resource Manager. */
  readonly resourceManager: () => string;
  readonly issuer: TokenIssuer;
  /** How long its tokens live, in seconds. */
  readonly life: () => { readonly refresh: number; readonly access: number };
  /** Whether a refresh token was revoked before it ended. */
  readonly isRevoked: (token: string) => boolean;
  /** Hears of each token that it gives. */
  readonly onToken: (token: string) => void;
}

/** Who asks, as far as the registry knows. */
type Caller = { readonly objectId: string } | { readonly admin: true };

const AUDIENCE = 'https://containerregistry.azure.net';
const REFRESH_ISSUER = 'Azure Container Registry';
const NO_USERNAME = '00000000-0000-0000-0000-000000000000';

export function containerRegistry(surroundings: RegistryTokenSurroundings): Part {
  return (call) => {
    const work = WORK[`${call.method} ${call.url.pathname}`];
    if (work === undefined) return undefined;
    return shutOut(surroundings.registry()) ?? work(call, surroundings);
  };
}

/** What a registry answers to those whom its firewall keeps out. */
export function shutOut({ blockedAddress: address }: ContainerRegistry): Answer | undefined {
  if (address === undefined) return undefined;
  const message = `client with IP '${address}' is not allowed access. Refer https://aka.ms/acr/firewall to grant access.`;
  return failure(403, 'DENIED', message);
}

const WORK: Readonly<Record<string, (call: Call, surroundings: RegistryTokenSurroundings) => Answer>> = {
  'POST /oauth2/exchange': exchange,
  'POST /oauth2/token': byRefreshToken,
  'GET /oauth2/token': byPassword,
};

function exchange({ body }: Call, surroundings: RegistryTokenSurroundings): Answer {
  const { directory, registry, onToken, life, issuer } = surroundings;
  const form = new URLSearchParams(body);
  if (form.get('grant_type') !== 'access_token') return failure(400, 'UNSUPPORTED', 'grant_type is not supported');
  if (form.get('service') !== registry().loginServer)
    return failure(400, 'UNSUPPORTED', 'service is not this registry');
  const objectId = holderOf(form.get('access_token') ?? '', surroundings);
  const { tenantId } = directory();
  if (objectId === undefined || (form.get('tenant') ?? tenantId) !== tenantId) return unauthorized();
  const caller = { objectId };
  // Whoever has no role at all is told so here; what a role allows is told by the access token.
  if (!mayPull(caller, surroundings)) return unauthorized();
  const now = seconds();
  const claims = {
    iss: REFRESH_ISSUER,
    aud: issuer.service,
    oid: objectId,
    iat: now,
    nbf: now,
    exp: now + life().refresh + 1,
  };
  const token = issueToken({ ...claims, jti: randomUUID() }, issuer.key.key, 'registry');
  onToken(token);
  return { status: 200, body: { refresh_token: token } };
}

function byRefreshToken({ body }: Call, surroundings: RegistryTokenSurroundings): Answer {
  const form = new URLSearchParams(body);
  if (form.get('grant_type') !== 'refresh_token') return failure(400, 'UNSUPPORTED', 'grant_type is not supported');
  const objectId = refreshed(form.get('refresh_token') ?? '', surroundings);
  if (objectId === undefined) return unauthorized();
  const scopes = (form.get('scope') ?? '').split(' ').filter((scope) => scope !== '');
  return accessToken({ objectId }, { service: form.get('service'), scopes }, surroundings);
}

function byPassword({ url, headers }: Call, surroundings: RegistryTokenSurroundings): Answer {
  const { directory, registry } = surroundings;
  const basic = /^Basic (.+)$/.exec(headers.authorization ?? '')?.[1] ?? '';
  const [, username = '', password = ''] = /^([^:]*):(.*)$/s.exec(Buffer.from(basic, 'base64').toString()) ?? [];
  const wanted = { service: url.searchParams.get('service'), scopes: url.searchParams.getAll('scope') };
  const { admin } = registry();
  if (admin?.username === username) {
    return admin.password === password ? accessToken({ admin: true }, wanted, surroundings) : unauthorized();
  }
  if (username === NO_USERNAME) {
    const objectId = refreshed(password, surroundings);
    return objectId === undefined ? unauthorized() : accessToken({ objectId }, wanted, surroundings);
  }
  const application = directory().applications.find(({ clientId }) => clientId === username);
  if (application === undefined) return failure(401, 'UNAUTHORIZED', 'Application not registered with AAD.');
  const isRight = application.secrets.some(({ value, expires }) => value === password && expires > new Date());
  return isRight ? accessToken({ objectId: application.objectId }, wanted, surroundings) : unauthorized();
}

function accessToken(
  caller: Caller,
  { service, scopes }: { readonly service: string | null; readonly scopes: readonly string[] },
  surroundings: RegistryTokenSurroundings,
): Answer {
  const { issuer, life, onToken } = surroundings;
  const wanted = readScopes(scopes);
  if (wanted === undefined) return failure(400, 'UNSUPPORTED', 'scope is not understood');
  if (service !== issuer.service) return failure(400, 'UNSUPPORTED', 'service is not this registry');
  const granted = wanted.map(({ actions, ...rest }): RepositoryAccess => ({
    ...rest,
    actions: actions.filter((action) => RIGHTS[action]?.(caller, surroundings) === true),
  }));
  const token = registryToken(issuer, 'objectId' in caller ? caller.objectId : 'admin', granted, life().access);
  onToken(token);
  // It does not say how long the token lives: the token does.
  return { status: 200, body: { access_token: token } };
}

const RIGHTS: Readonly<Record<string, typeof mayPull | undefined>> = {
  pull: mayPull,
  push: mayPush,
  metadata_read: mayReadMetadata,
  '*': mayList,
};

/** Whoever may pull from all of a registry may know its tags and manifests; roles for repositories tell the two apart. */
function mayReadMetadata(caller: Caller, surroundings: RegistryTokenSurroundings): boolean {
  return may(caller, { rbac: 'pull/read', abac: 'repositories/metadata/read' }, surroundings);
}

/** In ABAC mode the list of all repositories takes a role of its own (Container Registry Repository Catalog Lister). */
function mayList(caller: Caller, surroundings: RegistryTokenSurroundings): boolean {
  return may(caller, { rbac: 'pull/read', abac: 'catalog/read' }, surroundings);
}

function mayPull(caller: Caller, surroundings: RegistryTokenSurroundings): boolean {
  return may(caller, { rbac: 'pull/read', abac: 'repositories/content/read' }, surroundings);
}

function mayPush(caller: Caller, surroundings: RegistryTokenSurroundings): boolean {
  return may(caller, { rbac: 'push/write', abac: 'repositories/content/write' }, surroundings);
}

function may(
  caller: Caller,
  actions: Readonly<Record<ContainerRegistry['roleAssignmentMode'], string>>,
  { directory, registry }: RegistryTokenSurroundings,
): boolean {
  if ('admin' in caller) return true;
  const own = registry();
  const action = `Microsoft.ContainerRegistry/registries/${actions[own.roleAssignmentMode]}`;
  return mayDo(directory(), caller.objectId, action, registryId(own));
}

/** Whose token of Entra it is; undefined where it is not valid here. */
function holderOf(token: string, surroundings: RegistryTokenSurroundings): string | undefined {
  const { directory, entraKey, registry, resourceManager } = surroundings;
  const read = readToken(token);
  if (read?.signedBy(entraKey) !== true) return undefined;
  const { aud, iss, exp, oid } = read.claims;
  const audiences = [AUDIENCE, ...(registry().allowsResourceManagerTokens ? [resourceManager()] : [])];
  const isGood = audiences.includes(String(aud)) && iss === issuerOf(directory().tenantId) && Number(exp) > seconds();
  return isGood ? String(oid) : undefined;
}

/** Whose refresh token of this registry's it is; undefined where it is none, or not any more. */
function refreshed(token: string, { issuer, isRevoked }: RegistryTokenSurroundings): string | undefined {
  const read = readToken(token);
  if (read?.signedBy(publicKeyOf(issuer.key.certificate)) !== true || isRevoked(token)) return undefined;
  const { aud, iss, exp, oid } = read.claims;
  return aud === issuer.service && iss === REFRESH_ISSUER && Number(exp) > seconds() ? String(oid) : undefined;
}

/** What a registry answers to those whom it does not know. */
export function unauthorized(): Answer {
  const message = `authentication required, visit https://aka.ms/acr/authorization for more information. CorrelationId: ${randomUUID()}`;
  return failure(401, 'UNAUTHORIZED', message);
}

function failure(status: number, code: string, message: string): Answer {
  return { status, body: { errors: [{ code, message }] } };
}
