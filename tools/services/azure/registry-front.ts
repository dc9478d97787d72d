// An Azure Container Registry: its token service, and behind it a real registry that believes its tokens and nothing else.
import { type IncomingMessage, request as send, type RequestListener, type ServerResponse } from 'node:http';
import { pipeline, Transform } from 'node:stream';
import { startThrowawayRegistry, type Stoppable } from '../throwaway.ts';
import { type Answer, answerBy, bearerOf, type Interruption, type RunningServer, serve } from './calls.ts';
import { type CertifiedKey, makeApplicationCertificate } from './certificates.ts';
import { containerRegistry, type RegistryTokenSurroundings, shutOut, unauthorized } from './container-registry.ts';
import type { ContainerRegistry, Directory } from './directory.ts';
import { readToken, seconds } from './json-web-token.ts';

/** What can be changed while a registry runs. */
export interface RegistryCircumstances {
  registry: ContainerRegistry;
  /** How long its tokens live, in seconds; Azure's refresh tokens live 3 hours, access tokens 75 minutes. */
  life: { readonly refresh: number; readonly access: number };
  /** How fast it takes what is sent to it; undefined: as fast as it comes. */
  bytesPerSecond: number | undefined;
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
  const [tokenCalls, refusals]: [string[], string[]] = [[], []];
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
      ...{ name: 'images', loginServer: host, subscriptionId: surroundings.directory().subscriptionId },
      ...{ resourceGroup: 'models', roleAssignmentMode: 'rbac', allowsResourceManagerTokens: true },
    },
    life: { refresh: 3 * 3600, access: 75 * 60 },
    bytesPerSecond: undefined,
  };
  const part = containerRegistry({
    ...surroundings,
    issuer,
    registry: () => circumstances.registry,
    life: () => circumstances.life,
    isRevoked: (token) => revoked.has(token),
    onToken: (token) => tokens.add(token),
  });
  const answerTokens = answerBy([part], {
    interrupt: (call) => {
      tokenCalls.push(`${call.method} ${call.url.pathname}`);
      return interrupt(call);
    },
    onUnknown: ({ method, url }) => onUnknown(`${method} ${url.pathname}`),
  });
  const forward = forwardTo(emulator.host, circumstances, (refusal) => refusals.push(refusal));
  const challenge = `Bearer realm="${door.origin}/oauth2/token",service="${host}",error="invalid_token"`;
  listener = (request, response) => {
    if (request.url?.startsWith('/v2/') !== true) answerTokens(request, response);
    else if (shutOut(circumstances.registry) !== undefined) refuse(request, response, shutOut(circumstances.registry));
    else if (hasEnded(bearerOf(request.headers), revoked)) {
      refusals.push(`401 ${request.method ?? ''}`);
      refuse(request, response, { ...unauthorized(), headers: { 'www-authenticate': challenge } });
    } else forward(request, response);
  };
  return {
    ...{ host, circumstances, tokenCalls, tokens, refusals },
    revokeTokens: () => tokens.forEach((token) => revoked.add(token)),
    stop: async () => {
      await Promise.all([door.stop(), emulator.stop()]);
    },
  };
}

/** Hands requests on; the registry learns by which address it was called. */
function forwardTo(
  host: string,
  circumstances: RegistryCircumstances,
  onRefusal: (refusal: string) => void,
): RequestListener {
  const [hostname = '', port = ''] = host.split(':');
  return (request: IncomingMessage, response: ServerResponse) => {
    const { method = '', url: path = '' } = request;
    const headers = { ...request.headers, 'x-forwarded-proto': 'https' };
    const onward = send({ host: hostname, port, method, path, headers }, (answer) => {
      const { statusCode: status = 502 } = answer;
      if (status === 401 || status === 403) onRefusal(`${status} ${method}`);
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
