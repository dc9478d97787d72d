// An Azure Container Registry: its token service, and behind it a real registry that believes its tokens and nothing else.
import { type IncomingMessage, request as send, type RequestListener, type ServerResponse } from 'node:http';
import { pipeline, Transform } from 'node:stream';
import { startThrowawayRegistry, type Stoppable } from '../throwaway.ts';
import {
  type Answer,
  answerBy,
  bearerOf,
  type Call,
  type Interruption,
  type Part,
  type RunningServer,
  serve,
} from './calls.ts';
import { type CertifiedKey, makeApplicationCertificate } from './certificates.ts';
import { containerRegistry, type RegistryTokenSurroundings, shutOut, unauthorized } from './container-registry.ts';
import type { ContainerRegistry, Directory } from './directory.ts';
import { publicKeyOf, readToken, seconds } from './json-web-token.ts';
import { RegistryTags } from './registry-tags.ts';

/** What can be changed while a registry runs. */
export interface RegistryCircumstances {
  registry: ContainerRegistry;
  /** How long its tokens live, in seconds; Azure's refresh tokens live 3 hours, access tokens 75 minutes. */
  life: { readonly refresh: number; readonly access: number };
  /** How fast it takes what is sent to it; undefined: as fast as it comes. */
  bytesPerSecond: number | undefined;
  /** How many tags it lists a page at most; undefined: as many as are asked for. */
  tagsAPage: number | undefined;
}

/** A running registry. */
export interface AzureRegistry extends Stoppable {
  /** As it stands in image names. */
  readonly host: string;
  readonly circumstances: RegistryCircumstances;
  /** Calls of its token service so far, as `POST /oauth2/…`. */
  readonly tokenCalls: readonly string[];
  /** Tokens that it has given. */
  readonly tokens: ReadonlySet<string>;
  /** Statuses with which requests to the registry itself were refused so far, as `401 PATCH`. */
  readonly refusals: readonly string[];
  /** Requests to the registry itself so far, as `GET /v2/…` or `GET /acr/…`. */
  readonly requests: readonly string[];
  /** From now on no token that it has given is good. */
  revokeTokens(): void;
}

/** What a registry needs of the stand-in that it belongs to. */
export interface RegistrySurroundings extends Pick<
  RegistryTokenSurroundings,
  'directory' | 'entraKey' | 'resourceManager'
> {
  readonly server: CertifiedKey;
  readonly directory: () => Directory;
  readonly interrupt: Interruption;
  readonly onUnknown: (call: string) => void;
}

/** Starts a registry with nothing in it. */
export async function startAzureRegistry(surroundings: RegistrySurroundings): Promise<AzureRegistry> {
  const { server, interrupt, onUnknown } = surroundings;
  const key = await makeApplicationCertificate('registry');
  const [tokenCalls, refusals, requests]: [string[], string[], string[]] = [[], [], []];
  const tags = new RegistryTags();
  const [tokens, revoked] = [new Set<string>(), new Set<string>()];
  let listener: RequestListener = (_, response) => response.writeHead(503).end();
  const door: RunningServer = await serve((request, response) => listener(request, response), server);
  const { host } = new URL(door.origin);
  const issuer = { issuer: 'Azure Container Registry', service: host, key };
  const emulator = await startThrowawayRegistry({
    tokens: {
      realm: `${door.origin}/oauth2/token`,
      service: host,
      issuer: issuer.issuer,
      certificate: key.certificate,
    },
  });
  const circumstances: RegistryCircumstances = {
    registry: {
      name: 'images',
      loginServer: host,
      subscriptionId: surroundings.directory().subscriptionId,
      resourceGroup: 'models',
      roleAssignmentMode: 'rbac',
      allowsResourceManagerTokens: true,
    },
    life: { refresh: 3 * 3600, access: 75 * 60 },
    bytesPerSecond: undefined,
    tagsAPage: undefined,
  };
  const part = containerRegistry({
    ...surroundings,
    issuer,
    registry: () => circumstances.registry,
    life: () => circumstances.life,
    isRevoked: (token) => revoked.has(token),
    onToken: (token) => tokens.add(token),
  });
  const listTags: Part = (call) => {
    const repository = RegistryTags.repositoryOf(call);
    if (repository === undefined) return undefined;
    const refused = shutOut(circumstances.registry) ?? refusedMetadata(call, repository, { host, key, revoked });
    if (refused === undefined) return tags.list(host, repository, call.url, circumstances.tagsAPage);
    refusals.push(`${refused.status} ${call.method}`);
    return challenged(refused, door.origin, host, repository);
  };
  const answerOwn = answerBy([part, listTags], {
    interrupt: (call) => {
      if (call.url.pathname.startsWith('/oauth2/')) tokenCalls.push(`${call.method} ${call.url.pathname}`);
      return interrupt(call);
    },
    onUnknown: ({ method, url }) => onUnknown(`${method} ${url.pathname}`),
  });
  const forward = forwardTo(emulator.host, circumstances, {
    onRefusal: (refusal) => refusals.push(refusal),
    onManifest: (repository, reference, digest) => tags.pushed(repository, reference, digest),
  });
  const challenge = `Bearer realm="${door.origin}/oauth2/token",service="${host}",error="invalid_token"`;
  listener = (request, response) => {
    if (request.url?.startsWith('/oauth2/') !== true) requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    if (request.url?.startsWith('/v2/') !== true) answerOwn(request, response);
    else if (shutOut(circumstances.registry) !== undefined) refuse(request, response, shutOut(circumstances.registry));
    else if (hasEnded(bearerOf(request.headers), revoked)) {
      refusals.push(`401 ${request.method ?? ''}`);
      refuse(request, response, { ...unauthorized(), headers: { 'www-authenticate': challenge } });
    } else forward(request, response);
  };
  return {
    host,
    circumstances,
    tokenCalls,
    tokens,
    refusals,
    requests,
    revokeTokens: () => tokens.forEach((token) => revoked.add(token)),
    stop: async () => {
      await Promise.all([door.stop(), emulator.stop()]);
    },
  };
}

/** Who hears of what passes by. */
interface Observers {
  readonly onRefusal: (refusal: string) => void;
  /** Hears of each manifest that was stored. */
  readonly onManifest: (repository: string, reference: string, digest: string) => void;
}

/** Why a caller may not know about a repository; undefined where they may: their token has the action `metadata_read`. */
function refusedMetadata(
  call: Call,
  repository: string,
  { host, key, revoked }: { readonly host: string; readonly key: CertifiedKey; readonly revoked: ReadonlySet<string> },
): Answer | undefined {
  const token = bearerOf(call.headers);
  const read = token === undefined || hasEnded(token, revoked) ? undefined : readToken(token);
  if (read?.signedBy(publicKeyOf(key.certificate)) !== true || read.claims.aud !== host) return unauthorized();
  const access = read.claims.access as readonly { readonly name: string; readonly actions: readonly string[] }[];
  const may = access.some(({ name, actions }) => name === repository && actions.includes('metadata_read'));
  return may ? undefined : unauthorized();
}

function challenged(answer: Answer, origin: string, service: string, repository: string): Answer {
  if (answer.status !== 401) return answer;
  const scope = `repository:${repository}:metadata_read`;
  const challenge = `Bearer realm="${origin}/oauth2/token",service="${service}",scope="${scope}"`;
  return { ...answer, headers: { 'www-authenticate': challenge } };
}

/** Hands requests on; the registry learns by which address it was called. */
function forwardTo(
  host: string,
  circumstances: RegistryCircumstances,
  { onRefusal, onManifest }: Observers,
): RequestListener {
  const [hostname = '', port = ''] = host.split(':');
  return (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '' } = request;
    const headers = { ...request.headers, 'x-forwarded-proto': 'https' };
    const onward = send({ host: hostname, port, method, path, headers }, (answer) => {
      const { statusCode: status = 502 } = answer;
      if (status === 401 || status === 403) onRefusal(`${status} ${method}`);
      const [, repository, reference] = /^\/v2\/(.+)\/manifests\/([^/?]+)$/.exec(path) ?? [];
      if (method === 'PUT' && status === 201 && repository !== undefined && reference !== undefined) {
        onManifest(repository, reference, String(answer.headers['docker-content-digest']));
      }
      response.writeHead(status, answer.headers);
      pipeline(answer, response, () => undefined);
    });
    onward.on('error', () => response.destroy());
    pipeline(request, slowed(circumstances.bytesPerSecond), onward, () => undefined);
  };
}

/** Lets bytes through at a rate, as a slow link does. */
function slowed(bytesPerSecond: number | undefined): Transform {
  return new Transform({
    transform: (chunk: Buffer, _, done) => {
      const wait = bytesPerSecond === undefined ? 0 : (chunk.length / bytesPerSecond) * 1000;
      if (wait === 0) done(null, chunk);
      else setTimeout(() => done(null, chunk), wait);
    },
  });
}

/** Whether a token was good once; the registry behind lets them live a minute longer, which Azure does not. */
function hasEnded(token: string | undefined, revoked: ReadonlySet<string>): boolean {
  if (token === undefined) return false;
  return revoked.has(token) || Number(readToken(token)?.claims.exp) <= seconds();
}

/** Answers once the whole request is there, as gateways do. */
function refuse(request: IncomingMessage, response: ServerResponse, answer: Answer | undefined): void {
  const { status, headers, body } = answer ?? { status: 403, headers: {}, body: {} };
  request.resume();
  request.on('end', () => {
    response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
    response.end(JSON.stringify(body));
  });
}
