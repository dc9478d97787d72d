// A real registry with Docker's own token authentication, and the token service that it sends people to.
import { createServer } from 'node:http';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { makeApplicationCertificate } from '../../tools/services/azure/certificates.ts';
import { readScopes, registryToken, type RepositoryAccess } from '../../tools/services/registry-token.ts';
import { startThrowawayRegistry } from '../../tools/services/throwaway.ts';

const USER = { username: 'pusher', password: 'correct horse battery' };
const REFRESH_TOKEN = 'refresh-7f3a9c51e2';

export interface TokenRegistry {
  readonly host: string;
  readonly username: string;
  readonly password: string;
  /** What `docker login` would keep. */
  readonly refreshToken: string;
  /** How long tokens live, in seconds. */
  life: number;
  /** What the one user may do in repositories. */
  allowed: readonly string[];
  /** Requests to the token service so far. */
  readonly asked: readonly string[];
  /** A token for a repository, as the service gives it. */
  tokenFor(repository: string, actions: readonly string[], life?: number): string;
  stop(): Promise<void>;
}

/** Starts both on free ports of loopback; the service answers on another one than the registry. */
export async function startTokenRegistry(): Promise<TokenRegistry> {
  const key = await makeApplicationCertificate('tokens');
  const asked: string[] = [];
  const issuer = { issuer: 'token-service', service: 'registry', key };
  const give = (access: readonly RepositoryAccess[], life: number): string =>
    registryToken(issuer, USER.username, access, life);
  const service = createServer((request, response) => {
    void (async () => {
      const { searchParams } = new URL(request.url ?? '', 'http://service');
      const form = new URLSearchParams(await text(request));
      asked.push(`${request.method ?? ''} ${searchParams.getAll('scope').join(' ') || (form.get('scope') ?? '')}`);
      const basic = Buffer.from(`${USER.username}:${USER.password}`).toString('base64');
      const byPassword = request.method === 'GET' && request.headers.authorization === `Basic ${basic}`;
      const byToken = request.method === 'POST' && form.get('refresh_token') === REFRESH_TOKEN;
      if (!byPassword && !byToken) {
        response.writeHead(401).end('{"errors":[{"code":"UNAUTHORIZED","message":"who are you?"}]}');
        return;
      }
      const scopes = byPassword ? searchParams.getAll('scope') : (form.get('scope') ?? '').split(' ');
      const access = (readScopes(scopes.filter((scope) => scope !== '')) ?? []).map(({ repository, actions }) => ({
        repository,
        actions: actions.filter((action) => registry.allowed.includes(action)),
      }));
      const token = give(access, registry.life);
      response.end(JSON.stringify({ [byPassword ? 'token' : 'access_token']: token, expires_in: registry.life }));
    })();
  });
  service.listen(0, '127.0.0.1');
  await once(service, 'listening');
  const realm = `http://127.0.0.1:${(service.address() as AddressInfo).port}/token`;
  const running = await startThrowawayRegistry({
    tokens: { realm, service: issuer.service, issuer: issuer.issuer, certificate: key.certificate },
  });
  const registry: TokenRegistry = {
    host: running.host,
    ...USER,
    refreshToken: REFRESH_TOKEN,
    life: 300,
    allowed: ['pull', 'push'],
    asked,
    tokenFor: (repository, actions, life = 300) => give([{ repository, actions }], life),
    stop: async () => {
      service.close();
      service.closeAllConnections();
      await running.stop();
    },
  };
  return registry;
}
