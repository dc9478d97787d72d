import assert from 'node:assert/strict';
import { readBounded, readStart } from '../../../lib/http/bounded-body.ts';
import { proxyFor, type ProxySettings } from '../../../lib/http/proxy.ts';
import { isPassingError, PATIENT, waitBefore } from '../../../lib/http/retry.ts';

const through = (origin: string, settings: ProxySettings, environment: NodeJS.ProcessEnv = {}): string | undefined =>
  proxyFor(new URL(origin), settings, environment)?.href;

describe('the proxy for a request', () => {
  const environment = { HTTPS_PROXY: 'http://proxy:3128', NO_PROXY: 'internal.example.com,.corp, 10.0.0.1:8443' };

  it('comes from the environment, for the scheme of the request', () => {
    assert.equal(through('https://shop.example.com', {}, environment), 'http://proxy:3128/');
    assert.equal(through('http://shop.example.com', {}, environment), undefined);
    assert.equal(through('http://shop.example.com', {}, { http_proxy: 'proxy:1' }), 'http://proxy:1/');
  });

  it('is not asked for hosts that NO_PROXY names, nor for those below them', () => {
    for (const host of ['internal.example.com', 'a.internal.example.com', 'x.corp', '10.0.0.1:8443']) {
      assert.equal(through(`https://${host}`, {}, environment), undefined, host);
    }
    for (const host of ['notinternal.example.com', '10.0.0.1']) {
      assert.ok(through(`https://${host}`, {}, environment), host);
    }
    assert.equal(through('https://shop.example.com', {}, { ...environment, NO_PROXY: '*' }), undefined);
  });

  it("is the agent's own before the environment's, with its credentials and bypasses", () => {
    const agent = {
      url: 'http://agent-proxy:8080',
      username: 'u@x',
      password: 'p:w',
      bypass: [String.raw`\.corp/`, '('],
    };
    assert.equal(through('https://shop.example.com', agent, environment), 'http://u%40x:p%3Aw@agent-proxy:8080/');
    assert.equal(through('https://x.corp', agent, environment), undefined);
  });

  it('never stands before what only this machine can reach: the metadata service of a cloud', () => {
    assert.equal(proxyFor(new URL('http://169.254.169.254/'), { url: 'http://proxy:8080' }, {}), undefined);
  });

  it('never stands before this very machine', () => {
    for (const host of ['127.0.0.1:1', 'localhost', '[::1]:1']) {
      assert.equal(through(`https://${host}`, { url: 'http://agent-proxy' }, environment), undefined);
    }
  });
});

describe('another attempt', () => {
  it('waits as long as the peer asks, up to a limit, else longer each time', () => {
    assert.equal(waitBefore(1, PATIENT, '7'), 7000);
    assert.equal(waitBefore(1, PATIENT, '9999'), PATIENT.longestWait);
    assert.ok(Math.abs(waitBefore(1, PATIENT, new Date(Date.now() + 5000).toUTCString()) - 4500) < 1000);
    for (const attempt of [1, 2, 3]) {
      const usual = PATIENT.firstWait * 2 ** (attempt - 1);
      const own = waitBefore(attempt, PATIENT, 'soon');
      assert.ok(own >= usual * 0.75 && own <= usual * 1.25, `${own} for ${usual}`);
    }
  });

  it('is worth it after broken connections, not after wrong certificates or mistakes of our own', () => {
    const coded = (code: string): Error => Object.assign(new Error(code), { code });
    for (const code of ['ECONNRESET', 'ECONNREFUSED', 'UND_ERR_SOCKET', 'UND_ERR_HEADERS_TIMEOUT', 'EAI_AGAIN']) {
      assert.ok(isPassingError(coded(code)), code);
      assert.ok(isPassingError(new AggregateError([coded(code)])), code);
    }
    for (const code of [
      'ENOTFOUND',
      'CERT_HAS_EXPIRED',
      'DEPTH_ZERO_SELF_SIGNED_CERT',
      'ERR_INVALID_ARG_TYPE',
      'FILE_CHANGED',
    ]) {
      assert.ok(!isPassingError(coded(code)), code);
    }
    assert.ok(!isPassingError(new TypeError('x')));
  });
});

describe('a body', () => {
  const body = (): AsyncIterable<Uint8Array> => streamOf(['abc', 'def']);

  it('is read up to its limit and not beyond', async () => {
    assert.equal(String(await readBounded(body(), 6, 'It')), 'abcdef');
    await assert.rejects(readBounded(body(), 5, 'It'), { code: 'ANSWER_TOO_LARGE', message: /It .* 5 bytes/ });
  });

  it('that only explains is cut short', async () => {
    assert.equal(String(await readStart(body(), 4)), 'abcd');
  });
});

async function* streamOf(chunks: readonly string[]): AsyncGenerator<Uint8Array> {
  for (const chunk of chunks) yield await Promise.resolve(Buffer.from(chunk));
}
