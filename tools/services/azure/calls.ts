// How the stand-in's servers take calls and answer them. They are strict: what nobody knows is an error.
import { createServer as createHttpServer, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { text } from 'node:stream/consumers';
import { messageOf } from '../../../lib/errors/delivery-error.ts';
import type { CertifiedKey } from './certificates.ts';

export interface Call {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage['headers'];
  readonly body: string;
}

export interface Answer {
  readonly status: number;
  readonly headers?: Readonly<Record<string, string>>;
  /** Sent as JSON; without one, what comes is a page of HTML, as from a proxy. */
  readonly body: unknown;
  /** Whether the connection breaks in the middle of the body. */
  readonly cut?: boolean;
}

/** One service of Azure: answers the calls that it knows. */
export type Part = (call: Call) => Answer | undefined;

/** A server that runs. */
export interface RunningServer {
  readonly origin: string;
  stop(): Promise<void>;
}

/** Gets calls before the parts do; what it answers, they never see. For faults. */
export type Interruption = (call: Call) => Answer | undefined;

/** Listens to calls for these parts; `onUnknown` hears of each that none of them knows. */
export function answerBy(
  parts: readonly Part[],
  { interrupt, onUnknown }: { readonly interrupt: Interruption; readonly onUnknown: (call: Call) => void },
): RequestListener {
  const answerTo = (call: Call): Answer => {
    for (const part of [interrupt, ...parts]) {
      const answer = part(call);
      if (answer !== undefined) return answer;
    }
    onUnknown(call);
    return { status: 501, body: { error: `The stand-in does not know ${call.method} ${call.url.pathname}.` } };
  };
  return (request, response) => {
    void readCall(request)
      .then(answerTo)
      .catch((error: unknown): Answer => ({ status: 500, body: { error: messageOf(error) } }))
      .then(({ status, headers, body, cut = false }) => {
        response.writeHead(status, { 'content-type': 'application/json; charset=utf-8', ...headers });
        const text = body === undefined ? '<html></html>' : JSON.stringify(body);
        if (cut) response.write(text.slice(0, text.length / 2), () => response.destroy());
        else response.end(text);
      });
  };
}

/**
 * Serves on a free port of loopback, over TLS where a certificate is given.
 *
 * @param clientAuthority whose certificates clients may show; whether they have to is for the listener to say
 */
export async function serve(
  listener: RequestListener,
  certified?: CertifiedKey,
  { clientAuthority }: { readonly clientAuthority?: string } = {},
): Promise<RunningServer> {
  const clients =
    clientAuthority === undefined ? {} : { requestCert: true, rejectUnauthorized: false, ca: clientAuthority };
  const server: Server =
    certified === undefined
      ? createHttpServer(listener)
      : createHttpsServer({ cert: certified.certificate, key: certified.key, ...clients }, listener);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  return {
    origin: `${certified === undefined ? 'http' : 'https'}://127.0.0.1:${port}`,
    stop: async () => {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

/** The bearer token of a call. */
export function bearerOf(headers: IncomingMessage['headers']): string | undefined {
  return /^Bearer (.+)$/i.exec(headers.authorization ?? '')?.[1];
}

async function readCall(request: IncomingMessage): Promise<Call> {
  const { method = '', url = '', headers } = request;
  return { method, url: new URL(url, `https://${headers.host ?? ''}`), headers, body: await text(request) };
}
