// Passes requests on to a store or a registry and adds up what goes through, each way.
import { once } from 'node:events';
import { createServer, request, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';

export class CountingProxy {
  readonly #server: Server;
  readonly #answered = new ByteCounts();
  readonly #sent = new ByteCounts();

  private constructor(target: URL) {
    this.#server = createServer((incoming, outgoing) => {
      const { method, headers, url = '' } = incoming;
      const options = { host: target.hostname, port: target.port, path: url, method, headers };
      const upstream = request(options, (answer) => {
        outgoing.writeHead(answer.statusCode ?? 502, answer.headers);
        answer.on('data', (chunk: Buffer) => this.#answered.add(url, chunk.length)).pipe(outgoing);
      });
      upstream.on('error', () => void outgoing.destroy());
      incoming.on('data', (chunk: Buffer) => this.#sent.add(url, chunk.length)).pipe(upstream);
    });
  }

  /** Starts on a free port of loopback. */
  static async start(target: string): Promise<CountingProxy> {
    const proxy = new CountingProxy(new URL(target));
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** `http://127.0.0.1:PORT`. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** As it stands in image names. */
  get host(): string {
    return new URL(this.origin).host;
  }

  /** Bytes answered so far to requests whose path `counts`. */
  bytes(counts: (path: string) => boolean): number {
    return this.#answered.sum(counts);
  }

  /** Bytes of the bodies of such requests. */
  sent(counts: (path: string) => boolean): number {
    return this.#sent.sum(counts);
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    await once(this.#server, 'close');
  }
}

class ByteCounts {
  readonly #bytes = new Map<string, number>();

  add(url: string, bytes: number): void {
    const path = url.split('?')[0] ?? '';
    this.#bytes.set(path, (this.#bytes.get(path) ?? 0) + bytes);
  }

  sum(counts: (path: string) => boolean): number {
    return [...this.#bytes].reduce((sum, [path, bytes]) => sum + (counts(path) ? bytes : 0), 0);
  }
}
