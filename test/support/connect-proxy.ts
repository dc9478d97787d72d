// A proxy as companies have them: it wants to know who asks (407), carries TLS it cannot read (CONNECT), and alone knows
// where names lead. Here all of them lead to loopback.
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';

export class ConnectProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #targets: string[] = [];
  #refusals = 0;

  private constructor(server: Server, wanted: string) {
    this.#server = server;
    server.on('connect', (request: IncomingMessage, client: Socket) => {
      this.#keep(client);
      if (request.headers['proxy-authorization'] !== wanted) {
        this.#refusals++;
        client.end(
          'HTTP/1.1 407 Proxy Authentication Required\r\nProxy-Authenticate: Basic\r\ncontent-length: 0\r\n\r\n',
        );
        return;
      }
      const target = request.url ?? '';
      this.#targets.push(target);
      const server = this.#keep(connect(Number(target.split(':').at(-1)), '127.0.0.1'));
      server.once('connect', () => {
        client.write('HTTP/1.1 200 Connection established\r\n\r\n');
        server.pipe(client).pipe(server);
      });
    });
  }

  static async start({
    username,
    password,
  }: {
    readonly username: string;
    readonly password: string;
  }): Promise<ConnectProxy> {
    const wanted = `Basic ${Buffer.from(`${username}:${password}`).toString('base64')}`;
    // Whoever does not ask for a tunnel is told so.
    const server = createServer((_, response) => response.writeHead(405).end());
    const proxy = new ConnectProxy(server, wanted);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return proxy;
  }

  /** `http://127.0.0.1:PORT`. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Where connections went so far, as `host:port`. */
  get targets(): readonly string[] {
    return this.#targets;
  }

  /** How often somebody came whom it does not know. */
  get refusals(): number {
    return this.#refusals;
  }

  async stop(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }
}
