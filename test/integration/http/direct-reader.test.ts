import assert from 'node:assert/strict';
import { once } from 'node:events';
import { createServer as createPlainServer, type RequestListener, type ServerResponse } from 'node:http';
import { createServer as createSafeServer } from 'node:https';
import type { AddressInfo, Server } from 'node:net';
import { type AnswerHeaders, DirectReader } from '../../../lib/http/direct-reader.ts';
import { certifyLoopback, makeAuthority } from '../../../tools/services/azure/certificates.ts';
import { noise } from '../../support/model-folder.ts';

const NEVER = new AbortController().signal;
const CONTENT = noise(3_000_000);

/** Answers ranges as a store does; `unlike` may answer in its place. */
function store(unlike: (answer: ServerResponse, asked: number) => boolean = () => false): RequestListener {
  let asked = 0;
  return (request, answer) => {
    if (unlike(answer, asked++)) return;
    const [from = 0, to = 0] = (request.headers.range ?? '').replace('bytes=', '').split('-').map(Number);
    const body = CONTENT.subarray(from, to + 1);
    answer.writeHead(206, { 'content-length': body.length, etag: `"${request.url ?? ''}"` }).end(body);
  };
}

describe('reading a body straight into memory', () => {
  const servers: Server[] = [];
  afterEach(() => servers.splice(0).forEach((server) => server.close()));

  const listening = async (server: Server, scheme = 'http'): Promise<URL> => {
    servers.push(server);
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return new URL(`${scheme}://127.0.0.1:${(server.address() as AddressInfo).port}/blob`);
  };
  const read = async (
    reader: DirectReader,
    url: URL,
    { at = 0, length = CONTENT.length, signal = NEVER, began = (): void => undefined } = {},
  ): Promise<{ readonly headers: AnswerHeaders | undefined; readonly into: Buffer; readonly filled: number }> => {
    const into = Buffer.alloc(length);
    let filled = 0;
    const reached = (position: number): void => void (filled = position);
    const headers = await reader.read({
      url,
      headers: { range: `bytes=${at}-${at + length - 1}` },
      into,
      signal,
      began,
      reached,
    });
    return { headers, into, filled };
  };
  const limits = { connect: 2_000, idle: 10_000 };

  it('fills it exactly, from one connection, range after range', async () => {
    const server = createPlainServer(store());
    let connections = 0;
    server.on('connection', () => (connections += 1));
    const url = await listening(server);
    const reader = new DirectReader(limits);
    for (const [at, length] of [
      [0, CONTENT.length],
      [7, 1],
      [1_000_000, 1_234_567],
    ] as const) {
      const { headers, into, filled } = await read(reader, url, { at, length });
      assert.ok(into.equals(CONTENT.subarray(at, at + length)));
      assert.deepEqual([headers?.etag, filled], ['"/blob"', length]);
    }
    assert.equal(connections, 1);
  });

  it('asks each peer on a connection of its own', async () => {
    const reader = new DirectReader(limits);
    for (const name of ['one', 'other', 'one']) {
      const server = createPlainServer(
        store((answer) => (answer.writeHead(206, { 'content-length': 1, 'x-name': name }).end('x'), true)),
      );
      const { headers } = await read(reader, await listening(server), { length: 1 });
      assert.equal(headers?.['x-name'], name);
    }
  });

  it('leaves peers that cannot be reached without a proxy to a real client', async () => {
    let asked = 0;
    const url = await listening(createPlainServer(store(() => (asked++, false))));
    const reader = new DirectReader({ ...limits, reaches: ({ hostname }) => hostname !== url.hostname });
    assert.equal((await read(reader, url)).headers, undefined);
    assert.equal(asked, 0);
  });

  it('does so over TLS, and trusts only whom it is told to', async () => {
    const authority = await makeAuthority('an authority of this test');
    const { certificate, key } = await certifyLoopback(authority);
    const url = await listening(createSafeServer({ cert: certificate, key }, store()), 'https');
    const { into } = await read(new DirectReader({ ...limits, ca: [authority.certificate] }), url);
    assert.ok(into.equals(CONTENT));
    await assert.rejects(read(new DirectReader(limits), url), /certificate/);
  });

  it('leaves every other answer to a real client', async () => {
    const answers: Readonly<Record<string, (answer: ServerResponse) => void>> = {
      'a refusal': (answer) => answer.writeHead(404, { 'content-length': 0 }).end(),
      'a whole body': (answer) => answer.writeHead(200, { 'content-length': CONTENT.length }).end(CONTENT),
      'another length': (answer) => answer.writeHead(206, { 'content-length': 4 }).end('some'),
      'an unknown length': (answer) => answer.writeHead(206, { 'transfer-encoding': 'chunked' }).end(CONTENT),
      'an encoding': (answer) =>
        answer.writeHead(206, { 'content-length': CONTENT.length, 'content-encoding': 'gzip' }).end(CONTENT),
      'a redirect': (answer) =>
        answer.writeHead(302, { location: 'http://169.254.169.254/', 'content-length': 0 }).end(),
      'an endless head': (answer) => answer.writeHead(206, { 'x-long': 'x'.repeat(20_000) }).end(CONTENT),
    };
    for (const [kind, answered] of Object.entries(answers)) {
      const server = createPlainServer(
        { maxHeaderSize: 64_000 },
        store((answer) => (answered(answer), true)),
      );
      const { headers, into } = await read(new DirectReader(limits), await listening(server));
      assert.equal(headers, undefined, kind);
      assert.ok(
        into.every((byte) => byte === 0),
        kind,
      );
    }
  });

  it('fails when the peer goes, stalls or refuses, and says how', async () => {
    const begin = (answer: ServerResponse): ServerResponse =>
      answer.writeHead(206, { 'content-length': CONTENT.length });
    const outcomes: readonly [string, (answer: ServerResponse) => unknown][] = [
      ['ECONNRESET', (answer) => begin(answer).write(CONTENT.subarray(0, 100_000), () => answer.destroy())],
      ['IDLE_TIMEOUT', (answer) => begin(answer).write(CONTENT.subarray(0, 100_000))],
    ];
    for (const [code, happens] of outcomes) {
      const server = createPlainServer(store((answer) => (happens(answer), true)));
      const reader = new DirectReader({ ...limits, idle: 500 });
      await assert.rejects(read(reader, await listening(server)), { code });
      server.closeAllConnections();
    }
    await assert.rejects(read(new DirectReader(limits), new URL('http://127.0.0.1:9/')), { code: 'ECONNREFUSED' });
  });

  it('connects anew after a connection that was closed between two requests', async () => {
    const server = createPlainServer({ keepAliveTimeout: 1 }, store());
    const url = await listening(server);
    const reader = new DirectReader(limits);
    await read(reader, url);
    server.closeIdleConnections();
    await new Promise((resolve) => setTimeout(resolve, 50));
    assert.ok((await read(reader, url)).into.equals(CONTENT));
  });

  it('stops when it is told to, or when the answer is not wanted, and writes no more', async () => {
    const url = await listening(createPlainServer(store()));
    const stop = new AbortController();
    const reading = read(new DirectReader(limits), url, { signal: stop.signal });
    stop.abort(new Error('enough'));
    await assert.rejects(reading, /enough/);
    const began = (): void => {
      throw new Error('another state');
    };
    await assert.rejects(read(new DirectReader(limits), url, { began }), /another state/);
  });
});
