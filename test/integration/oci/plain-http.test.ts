import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type Server } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Server as TcpServer, type Socket } from 'node:net';
import type { Dispatcher } from 'undici';
import type { Agent } from '../../../lib/agent/agent.ts';
import { Inputs } from '../../../lib/agent/inputs.ts';
import { type ImageRoute, imageRoute } from '../../../lib/agent/registry.ts';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';

const NEVER = new AbortController().signal;
const REQUEST = { method: 'GET', target: 'team/app/tags/list', scopes: [], doing: 'list', signal: NEVER } as const;
/** The first byte of a TLS greeting (RFC 8446, 5.1: handshake). */
const GREETING = 22;

describe('plain HTTP', () => {
  const dispatcher = createDispatcher();
  /** Speaks HTTP alone, and has nothing. */
  let registry: Server;
  let asked: string[] = [];
  before(async () => {
    registry = createServer((request, answer) => {
      asked.push(request.headers.host ?? '');
      answer.writeHead(404).end();
    });
    await listening(registry);
  });
  beforeEach(() => {
    asked = [];
  });
  after(async () => {
    await dispatcher.destroy();
    registry.close();
  });

  const breaks: readonly (readonly [string, (connection: Socket) => void])[] = [
    ['reset', (connection) => connection.resetAndDestroy()],
    ['closed', (connection) => connection.end()],
  ];
  for (const [how, end] of breaks) {
    it(`is not what a connection leads to that is ${how} at its TLS greeting`, async () => {
      let plain = 0;
      const server = createTcpServer((connection) => {
        connection.on('error', () => undefined);
        connection.once('data', (first) => {
          if (first[0] !== GREETING) plain += 1;
          end(connection);
        });
      });
      await listening(server);
      const client = new RegistryClient({ registry: hostOf(server), allowHttp: true, dispatcher });
      await assert.rejects(client.send(REQUEST), { code: 'ECONNRESET' });
      assert.equal(plain, 0);
      server.close();
    });
  }

  it('is spoken to a registry that answers a TLS greeting by HTTP', async () => {
    const client = new RegistryClient({ registry: hostOf(registry), dispatcher });
    assert.equal((await client.send(REQUEST)).status, 404);
  });

  describe('that is allowed', () => {
    const routeTo = (baseImage: string): Promise<ImageRoute> => {
      const inputs = { repository: 'shop.example.com/team/app', allowHttp: 'true', baseImage };
      const agent = {
        inputs: new Inputs((name) => inputs[name as keyof typeof inputs]),
        variable: () => '/nowhere',
        hide: () => undefined,
      } as unknown as Agent;
      return imageRoute(agent, leadingAll(dispatcher, hostOf(registry)));
    };
    const lookForBase = async (baseImage: string) => (await (await routeTo(baseImage)).openBase()).top(NEVER);

    it('is spoken to the registry of the new image, also for a base there', async () => {
      await (await routeTo('python:3.12')).client.send(REQUEST);
      assert.equal(await lookForBase('shop.example.com/base:1'), undefined);
      assert.deepEqual([...new Set(asked)], ['shop.example.com']);
    });

    it('is not spoken to the registry of a base elsewhere', async () => {
      await assert.rejects(lookForBase('other.example.com/base:1'), { code: 'REGISTRY_UNREACHABLE' });
      assert.deepEqual(asked, []);
    });
  });
});

async function listening(server: TcpServer): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
}

function hostOf(server: TcpServer): string {
  return `127.0.0.1:${(server.address() as AddressInfo).port}`;
}

/** Leads every host, by HTTPS and by HTTP, to one server. */
function leadingAll(dispatcher: Dispatcher, server: string): Dispatcher {
  return dispatcher.compose((dispatch) => (options, handler) => {
    const { protocol, host } = new URL(String(options.origin));
    const headers = { ...(options.headers as Record<string, string>), host };
    return dispatch({ ...options, origin: `${protocol}//${server}`, headers }, handler);
  });
}
