import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { ClusterAccess } from '../../lib/kube/cluster-access.ts';

/** What the server does with one request. */
export type Act = (request: IncomingMessage, response: ServerResponse) => void;

/** A few answers of a Kubernetes API server, played in order; stands in where the real one cannot be made to misbehave. */
export interface PlayedServer {
  readonly access: ClusterAccess;
  /** Requests that came in, as `GET /path?query`. */
  readonly requests: readonly string[];
  close(): Promise<void>;
}

/**
 * Serves exactly these answers, one a request, in this order. A request beyond the last is answered with 500, and so
 * shows in the test.
 */
export async function playServer(...acts: readonly Act[]): Promise<PlayedServer> {
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const act = acts[requests.length];
    requests.push(`${request.method ?? ''} ${request.url ?? ''}`);
    if (act === undefined) json(500, { kind: 'Status', message: 'no answer was prepared' })(request, response);
    else act(request, response);
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  return {
    requests,
    access: {
      server: `http://127.0.0.1:${port}`,
      ca: undefined,
      insecureSkipTlsVerify: false,
      tlsServerName: undefined,
      proxyUrl: undefined,
      namespace: undefined,
      credential: { token: 'secret-token' },
    },
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve());
        server.closeAllConnections();
      }),
  };
}

/** A whole JSON answer. */
export function json(status: number, body: object, headers: Readonly<Record<string, string>> = {}): Act {
  return (_, response) => {
    response.writeHead(status, { 'content-type': 'application/json', ...headers });
    response.end(JSON.stringify(body));
  };
}

/** A list of objects at a version. */
export function list(resourceVersion: string, ...items: readonly object[]): Act {
  return json(200, { kind: 'List', metadata: { resourceVersion }, items });
}

/** A watch that sends events and then ends, is cut, or goes silent. */
export function watch(end: 'end' | 'cut' | 'silence', ...events: readonly object[]): Act {
  return (_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' });
    for (const event of events) response.write(`${JSON.stringify(event)}\n`);
    if (end === 'end') response.end();
    if (end === 'cut') setTimeout(() => response.destroy(), 20);
  };
}
