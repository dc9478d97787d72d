// Stands before a registry and does to single requests what registries and networks do: answers in its place, cuts a
// body short, or holds an answer back for ever. It knows HTTP, so that faults can be aimed at one kind of request.
import { once } from 'node:events';
import { createServer, type IncomingMessage, request, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createTlsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import type { CertifiedKey } from '../../tools/services/azure/certificates.ts';

/** What happens to one request. */
export type RequestFault =
  | { readonly answer: number; readonly headers?: Readonly<Record<string, string>>; readonly body?: string }
  /** Breaks both connections after so many bytes of the request's body. */
  | { readonly cutAfter: number }
  /** Adds headers to the registry's answer. */
  | { readonly also: Readonly<Record<string, string>> }
  /** Goes on as a request for this path. */
  | { readonly as: string }
  /** Lets the registry do its work, then breaks the connection instead of telling. */
  | { readonly loseAnswer: true };

/** Decides about a request; `index` counts those of the same method from 0. */
export type RequestPlan = (request: {
  readonly method: string;
  readonly path: string;
  readonly index: number;
  /** Bytes that the request announces. */
  readonly size: number;
  /** Its `Content-Range`. */
  readonly range: string | undefined;
}) => RequestFault | undefined;

export class RegistryFaults {
  readonly #server: ReturnType<typeof createServer | typeof createTlsServer>;
  readonly #target: URL;
  readonly #counts = new Map<string, number>();
  readonly seen: { readonly method: string; readonly path: string; readonly authorization: string | undefined }[] = [];
  plan: RequestPlan = () => undefined;
  /** Done before a request goes on, such as what somebody else does at that moment. */
  before: (request: { readonly method: string; readonly path: string }) => Promise<void> = () => Promise.resolve();

  private constructor(host: string, tls: CertifiedKey | undefined) {
    this.#target = new URL(`http://${host}`);
    const serve: RequestListener = (incoming, outgoing) => {
      // The registry makes addresses of its own from that.
      if (tls !== undefined) incoming.headers['x-forwarded-proto'] = 'https';
      this.#serve(incoming, outgoing);
    };
    this.#server =
      tls === undefined ? createServer(serve) : createTlsServer({ cert: tls.certificate, key: tls.key }, serve);
  }

  /** @param tls what to speak TLS with; left out: plain HTTP */
  static async start(host: string, tls?: CertifiedKey): Promise<RegistryFaults> {
    const faults = new RegistryFaults(host, tls);
    faults.#server.listen(0, '127.0.0.1');
    await once(faults.#server, 'listening');
    return faults;
  }

  /** As it stands in image names. */
  get host(): string {
    return `127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Breaks every open connection, also those on which nothing is under way. */
  cutAll(): void {
    this.#server.closeAllConnections();
  }

  async stop(): Promise<void> {
    this.cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(incoming: IncomingMessage, outgoing: ServerResponse): void {
    const { method = '', url: path = '' } = incoming;
    const index = this.#counts.get(method) ?? 0;
    this.#counts.set(method, index + 1);
    this.seen.push({ method, path, authorization: incoming.headers.authorization });
    const size = Number(incoming.headers['content-length'] ?? 0);
    const fault = this.plan({ method, path, index, size, range: incoming.headers['content-range'] });
    if (fault !== undefined && 'answer' in fault) {
      incoming.resume();
      incoming.on('end', () => outgoing.writeHead(fault.answer, fault.headers).end(fault.body ?? ''));
      incoming.on('error', () => undefined);
      return;
    }
    void this.before({ method, path }).then(() => this.#forward(incoming, outgoing, fault));
  }

  #forward(incoming: IncomingMessage, outgoing: ServerResponse, fault: RequestFault | undefined): void {
    const { method, headers } = incoming;
    const path = fault !== undefined && 'as' in fault ? fault.as : incoming.url;
    const { hostname: host, port } = this.#target;
    const onward = request({ host, port, method, path, headers }, (answer) => {
      if (fault !== undefined && 'loseAnswer' in fault) {
        answer.resume();
        answer.on('end', () => incoming.socket.destroy());
        return;
      }
      const also = fault !== undefined && 'also' in fault ? fault.also : {};
      outgoing.writeHead(answer.statusCode ?? 502, { ...answer.headers, ...also });
      answer.pipe(outgoing);
    });
    // What breaks here is broken on purpose.
    onward.on('error', () => outgoing.destroy());
    incoming.on('error', () => onward.destroy());
    if (fault === undefined || !('cutAfter' in fault)) {
      incoming.pipe(onward);
      return;
    }
    let taken = 0;
    incoming.on('data', (chunk: Buffer) => {
      const rest = fault.cutAfter - taken;
      taken += chunk.length;
      onward.write(chunk.subarray(0, rest));
      if (chunk.length < rest) return;
      incoming.pause();
      // Time for the registry to take what it got: only then is there something to lose.
      setTimeout(() => {
        onward.destroy();
        incoming.destroy();
      }, 10);
    });
    incoming.on('end', () => onward.end());
  }
}
