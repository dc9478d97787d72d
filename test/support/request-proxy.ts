// An HTTP proxy that sees requests one by one, for tests that must act at a certain request: refuse it, or end whoever sent it.
import { once } from 'node:events';
import {
  createServer,
  type IncomingHttpHeaders,
  type IncomingMessage,
  type OutgoingHttpHeaders,
  request,
  type Server,
  type ServerResponse,
} from 'node:http';
import { request as secureRequest } from 'node:https';
import type { AddressInfo } from 'node:net';

/** A request that has come, and its number, from 0. */
export interface SeenRequest {
  readonly index: number;
  readonly method: string;
  readonly url: string;
}

/** What happens around a request. */
export interface RequestHooks {
  /** Before it goes on to the server. A status is the answer, and the server never sees the request. */
  readonly before?: (request: SeenRequest) => number | undefined | Promise<number | undefined>;
  /** When the server has answered, before the client hears of it. */
  readonly after?: (request: SeenRequest, status: number) => void;
  /** Headers that the server gets in place of those that the client has sent. */
  readonly headers?: (sent: IncomingHttpHeaders) => OutgoingHttpHeaders;
}

export class RequestProxy {
  readonly #server: Server;
  readonly #target: URL;
  readonly #ca: string | undefined;
  readonly #seen: SeenRequest[] = [];
  hooks: RequestHooks;

  private constructor(target: URL, hooks: RequestHooks, ca: string | undefined) {
    this.#target = target;
    this.#ca = ca;
    this.hooks = hooks;
    this.#server = createServer((incoming, answer) => {
      void this.#serve(incoming, answer);
    });
  }

  /** @param ca the certificate authority of a target that speaks TLS; the proxy itself does not */
  static async start(target: string, hooks: RequestHooks = {}, ca?: string): Promise<RequestProxy> {
    const proxy = new RequestProxy(new URL(target), hooks, ca);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** `http://127.0.0.1:PORT`. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get seen(): readonly SeenRequest[] {
    return this.#seen;
  }

  /** Counts from 0 again, with other hooks. */
  reset(hooks: RequestHooks = {}): void {
    this.#seen.length = 0;
    this.hooks = hooks;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }

  async #serve(incoming: IncomingMessage, answer: ServerResponse): Promise<void> {
    const seen = { index: this.#seen.length, method: incoming.method ?? '', url: incoming.url ?? '' };
    this.#seen.push(seen);
    // Whoever is ended breaks its connections.
    for (const side of [incoming, answer]) side.on('error', () => undefined);
    const status = await this.hooks.before?.(seen);
    if (status !== undefined) {
      incoming.resume();
      answer.writeHead(status, { 'content-length': '0' }).end();
      return;
    }
    const { hostname, port, protocol } = this.#target;
    const headers = { ...incoming.headers, ...this.hooks.headers?.(incoming.headers) };
    const send = protocol === 'https:' ? secureRequest : request;
    const outgoing = send(
      { hostname, port, method: seen.method, path: seen.url, headers, ca: this.#ca },
      (response) => {
        this.hooks.after?.(seen, response.statusCode ?? 502);
        answer.writeHead(response.statusCode ?? 502, response.headers);
        response.pipe(answer);
      },
    );
    outgoing.on('error', () => answer.destroy());
    incoming.on('close', () => {
      if (!incoming.complete) outgoing.destroy();
    });
    incoming.pipe(outgoing);
  }
}
