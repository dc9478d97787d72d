// A TCP proxy that does to connections what networks do: cuts them, stalls them, delays them, refuses them, or answers
// in the server's place. It knows nothing of HTTP beyond where a request begins.
import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** What happens to one connection. Sizes are bytes of the server's answers, times are milliseconds. */
export interface Fault {
  /** Closes after so many bytes: politely (`fin`), or as a crashed machine or a firewall does (`rst`). */
  readonly cutAfter?: { readonly bytes: number; readonly by: 'fin' | 'rst' };
  /** Says nothing more after so many bytes, without closing. */
  readonly stallAfter?: number;
  /** Closes after so many bytes of the client's requests, which the server so gets only in part. */
  readonly cutRequestAfter?: number;
  /** Holds every answer back for so long. */
  readonly delay?: number;
  /** Closes at once. */
  readonly refuse?: boolean;
  /** Answers each request with this status and these headers, without asking the server. */
  readonly answer?: { readonly status: number; readonly headers?: Readonly<Record<string, string>> };
}

/** Decides, with the first bytes of a connection at hand, what happens to it. `index` counts connections from 0. */
export type FaultPlan = (request: { readonly index: number; readonly head: string }) => Fault | undefined;

export class FaultProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  readonly #target: { readonly host: string; readonly port: number };
  #connections = 0;
  /** May be changed at any time; holds for connections that begin from then on. */
  plan: FaultPlan;

  private constructor(target: URL, plan: FaultPlan) {
    this.#target = { host: target.hostname, port: Number(target.port) };
    this.plan = plan;
    this.#server = createServer((client) => {
      this.#serve(client);
    });
  }

  /** Starts on a free port of loopback, in front of `target`. */
  static async start(target: string, plan: FaultPlan = () => undefined): Promise<FaultProxy> {
    const proxy = new FaultProxy(new URL(target), plan);
    proxy.#server.listen(0, '127.0.0.1');
    await once(proxy.#server, 'listening');
    return proxy;
  }

  /** `http://127.0.0.1:PORT`. */
  get origin(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get connections(): number {
    return this.#connections;
  }

  /** Breaks every open connection. */
  cutAll(by: 'rst' | 'fin' = 'rst'): void {
    for (const socket of this.#sockets) {
      if (by === 'rst') socket.resetAndDestroy();
      else socket.end();
    }
  }

  /** From now on nothing comes through the connections that are open, and none of them closes. */
  stallAll(): void {
    for (const socket of this.#sockets) socket.pause().removeAllListeners('data').removeAllListeners('end');
  }

  async stop(): Promise<void> {
    this.cutAll();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #serve(client: Socket): void {
    const index = this.#connections++;
    this.#keep(client);
    client.once('data', (head: Buffer) => {
      const fault = this.plan({ index, head: head.toString('latin1') }) ?? {};
      if (fault.refuse === true) client.resetAndDestroy();
      else if (fault.answer !== undefined) answer(client, fault.answer);
      else this.#relay(client, head, fault);
    });
  }

  #relay(client: Socket, head: Buffer, fault: Fault): void {
    const server = this.#keep(connect(this.#target));
    let [sent, received] = [0, 0];
    const forward = (bytes: Buffer): void => {
      const rest = (fault.cutRequestAfter ?? Infinity) - sent;
      sent += bytes.length;
      if (bytes.length < rest) return void server.write(bytes);
      server.end(bytes.subarray(0, rest));
      client.resetAndDestroy();
    };
    const back = (bytes: Buffer): void => {
      const limit = Math.min(fault.cutAfter?.bytes ?? Infinity, fault.stallAfter ?? Infinity);
      const rest = Math.max(0, limit - received);
      received += bytes.length;
      if (client.writable && rest > 0) client.write(bytes.subarray(0, rest));
      if (bytes.length < rest || fault.cutAfter === undefined) return;
      if (fault.cutAfter.by === 'fin') client.end();
      else client.resetAndDestroy();
      server.destroy();
    };
    forward(head);
    client.on('data', forward);
    server.on('data', (bytes: Buffer) => {
      if (fault.delay === undefined) back(bytes);
      else setTimeout(() => back(bytes), fault.delay);
    });
    client.on('close', () => server.destroy());
    if (fault.stallAfter === undefined) server.on('end', () => client.end());
  }

  #keep(socket: Socket): Socket {
    this.#sockets.add(socket);
    // What breaks here is broken on purpose.
    socket.on('error', () => undefined);
    socket.on('close', () => this.#sockets.delete(socket));
    return socket;
  }
}

function answer(client: Socket, { status, headers = {} }: NonNullable<Fault['answer']>): void {
  const lines = Object.entries({ ...headers, 'content-length': '0', connection: 'close' });
  client.end(`HTTP/1.1 ${status} Fault\r\n${lines.map(([name, value]) => `${name}: ${value}\r\n`).join('')}\r\n`);
}
