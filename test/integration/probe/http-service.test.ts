import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { parseEndpointCheck } from '../../../lib/probe/endpoint-check.ts';
import { awaitHealth, STEADY } from '../../../lib/probe/health.ts';
import { type HttpService, httpService, type Reply } from '../../../lib/probe/service.ts';

const NEVER = new AbortController().signal;
const GIGABYTE = 1e9;

describe('a service over HTTP', function () {
  this.timeout('30s');
  const dispatcher = createDispatcher();
  let server: Server;
  let answer: RequestListener;
  beforeEach(async () => {
    server = createServer((request, response) => answer(request, response));
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  });
  afterEach(() => {
    server.closeAllConnections();
    server.close();
  });
  after(() => dispatcher.destroy());

  const url = (path = ''): URL => new URL(`http://127.0.0.1:${(server.address() as AddressInfo).port}${path}`);
  const get = (path: string, settings: Partial<HttpService> = {}): Promise<Reply> =>
    httpService({ url: url(), dispatcher, requestLimit: 20_000, ...settings })({ method: 'GET', path }, NEVER);

  it('is asked below its own path, with its headers, and answers whole', async () => {
    const seen: string[] = [];
    const record = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
      seen.push(
        `${request.method ?? ''} ${request.url ?? ''} ${request.headers.authorization ?? ''}`,
        String(await buffer(request)),
      );
      response.writeHead(201, { 'content-type': 'text/plain' }).end('made');
    };
    answer = (request, response) => void record(request, response);
    const service = httpService({
      url: url('/digits/'),
      dispatcher,
      requestLimit: 20_000,
      headers: { authorization: 'Bearer t' },
    });
    const reply = await service({ method: 'POST', path: '/score?a=b', body: 'two' }, NEVER);
    assert.deepEqual(seen, ['POST /digits/score?a=b Bearer t', 'two']);
    assert.ok(reply.kind === 'answer');
    assert.deepEqual([reply.status, reply.contentType, String(reply.body)], [201, 'text/plain', 'made']);
  });

  it('is not followed where it redirects to', async () => {
    answer = (_request, response) => response.writeHead(302, { location: 'http://169.254.169.254/' }).end();
    const reply = await get('/');
    assert.ok(reply.kind === 'answer');
    assert.deepEqual([reply.status, reply.location], [302, 'http://169.254.169.254/']);
  });

  it('gets no further than the limit with an answer of a gigabyte', async () => {
    let sent = 0;
    answer = (_request, response) => {
      const piece = Buffer.alloc(64 * 1024);
      const push = (): void => {
        while (sent < GIGABYTE && !response.destroyed) {
          sent += piece.length;
          if (!response.write(piece)) return void response.once('drain', push);
        }
      };
      response.writeHead(200);
      push();
    };
    const reply = await get('/', { answerLimit: 1_000_000 });
    assert.ok(reply.kind === 'tooLarge');
    assert.equal(reply.why, 'sent more than 1000000 bytes, of which no more was read');
    assert.ok(sent < GIGABYTE / 10, `${sent} bytes were sent`);
  });

  it('is given up when it hangs, before its answer or in the middle of it', async () => {
    answer = (request, response) => {
      if (request.url === '/half') response.writeHead(200).write('half');
    };
    for (const path of ['/', '/half']) {
      const reply = await get(path, { requestLimit: 300 });
      assert.ok(reply.kind === 'timeout');
      assert.equal(reply.why, 'did not answer within 0.3 s');
    }
  });

  it('may break off, or not be there at all', async () => {
    answer = (_request, response) => {
      response.writeHead(200, { 'content-length': '100' }).write('half');
      setImmediate(() => response.destroy());
    };
    const broken = await get('/');
    assert.ok(broken.kind === 'broken');
    assert.match(broken.why, /^broke the connection off/);
    const service = httpService({ url: url(), dispatcher, requestLimit: 20_000 });
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
    const refused = await service({ method: 'GET', path: '/' }, NEVER);
    assert.ok(refused.kind === 'refused');
    assert.match(refused.why, /cannot be reached \(ECONNREFUSED\)/);
  });

  it('ends with the signal, which is no reply', async () => {
    answer = () => undefined;
    const cancel = new AbortController();
    const service = httpService({ url: url(), dispatcher, requestLimit: 20_000 });
    const asked = service({ method: 'GET', path: '/' }, cancel.signal);
    cancel.abort(new Error('cancelled'));
    await assert.rejects(asked, /cancelled/);
  });

  it('is waited for until it is healthy, and every change on the way is told once', async () => {
    let asked = 0;
    answer = (_request, response) => {
      asked += 1;
      response.writeHead(asked <= 3 ? 503 : asked <= 4 ? 500 : 200).end();
    };
    const told: string[] = [];
    const service = httpService({ url: url(), dispatcher, requestLimit: 20_000 });
    const health = await awaitHealth(
      service,
      { check: parseEndpointCheck('/'), limit: 20_000, onWaiting: (why) => told.push(why) },
      NEVER,
    );
    assert.ok(health.isHealthy);
    assert.deepEqual(told, ['answered 503', 'answered 500']);
    assert.equal(asked, 5);
  });

  it('is waited for no longer than the limit, also where it hangs', async () => {
    const service = httpService({ url: url(), dispatcher, requestLimit: 20_000 });
    const wait = { check: parseEndpointCheck('/'), limit: 1_500, onWaiting: () => undefined };
    answer = (_request, response) => response.writeHead(503).end('loading the model');
    const unhealthy = await awaitHealth(service, wait, NEVER);
    assert.ok(!unhealthy.isHealthy);
    assert.equal(unhealthy.why, 'answered 503: “loading the model”');
    answer = () => undefined;
    const silent = await awaitHealth(service, wait, NEVER);
    assert.ok(!silent.isHealthy);
    assert.equal(silent.why, 'did not answer');
  });

  it('is waited for until only the new version answers, where a check tells that', async () => {
    const versions = ['old', 'new', 'old', 'new'];
    let [asked, lastOld] = [0, 0];
    let connections = 0;
    server.on('connection', () => connections++);
    answer = (_request, response) => {
      const version = versions[asked++] ?? 'new';
      if (version === 'old') lastOld = performance.now();
      response.end(version);
    };
    const told: string[] = [];
    const service = httpService({ url: url(), dispatcher, requestLimit: 20_000 });
    const wanted = { check: parseEndpointCheck('/ contains new'), limit: 20_000 };
    const health = await awaitHealth(service, { ...wanted, onWaiting: (why) => told.push(why) }, NEVER);
    assert.ok(health.isHealthy);
    assert.ok(performance.now() - lastOld >= STEADY);
    assert.equal(connections, asked);
    assert.deepEqual(told, ['answered “old”, in which “new” does not occur']);
  });

  it('is not healthy as long as the old version answers between', async () => {
    let asked = 0;
    answer = (_request, response) => response.end(asked++ % 3 === 0 ? 'old' : 'new');
    const service = httpService({ url: url(), dispatcher, requestLimit: 20_000 });
    const wanted = { check: parseEndpointCheck('/ contains new'), limit: 1_000, onWaiting: () => undefined };
    assert.ok(!(await awaitHealth(service, wanted, NEVER)).isHealthy);
  });
});
