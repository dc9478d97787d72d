import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { IncomingMessage, ServerResponse } from 'node:http';
import { createServer, type Server } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Dispatcher } from 'undici';
import { createDispatcher } from '../../../../../lib/http/dispatcher.ts';
import { downloadManifest } from '../../../../../lib/kube/manifests/sources/download.ts';
import type { ManifestText } from '../../../../../lib/kube/manifests/sources/manifest-text.ts';
import { certifyLoopback, makeAuthority, PROXIED_DOMAIN } from '../../../../../tools/services/azure/certificates.ts';
import { ConnectProxy } from '../../../../support/connect-proxy.ts';

const MANIFEST = 'apiVersion: v1\n';

describe('a manifest from an address', () => {
  let server: Server;
  let proxy: ConnectProxy;
  let folder: string;
  let caFile: string;
  let dispatcher: Dispatcher;
  let act: (request: IncomingMessage, response: ServerResponse) => void;
  let requests: IncomingMessage[];

  before(async () => {
    const authority = await makeAuthority('manifests');
    const { certificate, key } = await certifyLoopback(authority);
    server = createServer({ cert: certificate, key }, (request, response) => {
      requests.push(request);
      act(request, response);
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    proxy = await ConnectProxy.start({ username: 'agent', password: 'p w' });
    folder = await mkdtemp(join(tmpdir(), 'download-'));
    caFile = join(folder, 'ca.pem');
    await writeFile(caFile, authority.certificate);
  });

  beforeEach(() => {
    requests = [];
    act = (_, response) => response.end(MANIFEST);
    const settings = { url: proxy.origin, username: 'agent', password: 'p w' };
    dispatcher = createDispatcher({ proxy: settings, caFile }, {});
  });

  afterEach(() => dispatcher.destroy());

  after(async () => {
    server.closeAllConnections();
    server.close();
    await proxy.stop();
    await rm(folder, { recursive: true });
  });

  const port = (): number => (server.address() as AddressInfo).port;
  /** By a name that only the proxy knows, as of a host on the internet. */
  const address = (path = '/app.yml', user = ''): string => `https://${user}git.${PROXIED_DOMAIN}:${port()}${path}`;
  const download = (url: string): Promise<ManifestText> =>
    downloadManifest(url, { dispatcher, signal: AbortSignal.timeout(60_000) });
  const leadTo =
    (location: string): typeof act =>
    (_, response) => {
      if (requests.length > 1) response.end(MANIFEST);
      else response.writeHead(302, { location }).end();
    };

  it('comes through the proxy of the agent, from a server whose authority the agent knows', async () => {
    assert.deepEqual(await download(address()), {
      name: `https://git.${PROXIED_DOMAIN}:${port()}/app.yml`,
      text: MANIFEST,
      own: false,
    });
    assert.deepEqual(proxy.targets, [`git.${PROXIED_DOMAIN}:${port()}`]);
  });

  it('of a server that is not trusted is refused', async () => {
    const strict = createDispatcher({}, {});
    await assert.rejects(
      downloadManifest(`https://localhost:${port()}/`, { dispatcher: strict, signal: AbortSignal.timeout(60_000) }),
      { code: 'MANIFEST_DOWNLOAD_FAILED', message: /UNABLE_TO_VERIFY_LEAF_SIGNATURE/ },
    );
    await strict.destroy();
  });

  it('shows user and password to its own host alone, and nobody else', async () => {
    act = leadTo(`https://other.${PROXIED_DOMAIN}:${port()}/app.yml`);
    const { name } = await download(address('/a?sig=secret', 'me:p%20w@'));
    assert.equal(name, `https://git.${PROXIED_DOMAIN}:${port()}/a`);
    assert.deepEqual(
      requests.map(({ headers }) => headers.authorization),
      [`Basic ${btoa('me:p w')}`, undefined],
    );
  });

  it('may lead on over https, but not to plain http, into the private network, or in circles', async () => {
    act = leadTo('/there');
    assert.equal((await download(address())).text, MANIFEST);
    const inside = [
      'https://10.0.0.1/',
      'https://169.254.169.254/latest',
      'https://[::1]/',
      'https://localhost/',
      'https://[::ffff:10.0.0.1]/',
    ];
    for (const location of ['http://git.example.com/', 'file:///etc/passwd', ...inside]) {
      requests = [];
      act = leadTo(location);
      await assert.rejects(download(address()), { code: 'MANIFEST_DOWNLOAD_FAILED', message: /it leads to/ }, location);
      assert.equal(requests.length, 1);
    }
    act = (_, response) => response.writeHead(301, { location: '/app.yml' }).end();
    await assert.rejects(download(address()), { message: /leads on more than 5 times/ });
  });

  it('of a private host may lead on within the private network, since that was given so', async () => {
    act = leadTo(`https://127.0.0.1:${port()}/app.yml`);
    assert.equal((await download(`https://localhost:${port()}/`)).text, MANIFEST);
  });

  it('is tried again while its server is ill for a moment, and not when it refuses', async () => {
    act = (_, response) => (requests.length < 2 ? response.writeHead(503).end() : response.end(MANIFEST));
    assert.equal((await download(address())).text, MANIFEST);
    for (const [status, code] of [
      [404, 'MANIFEST_NOT_FOUND'],
      [403, 'MANIFEST_DOWNLOAD_FAILED'],
    ] as const) {
      requests = [];
      act = (_, response) => response.writeHead(status).end('secret details');
      await assert.rejects(download(address('/x?sig=secret')), (error: Error & { code: string }) => {
        assert.equal(error.code, code);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
      assert.equal(requests.length, 1);
    }
  });

  it('that is a web page or has no end is refused', async () => {
    act = (_, response) => response.setHeader('content-type', 'text/html; charset=utf-8').end('<html>Sign in</html>');
    await assert.rejects(download(address()), { code: 'MANIFEST_DOWNLOAD_FAILED', message: /web page/ });
    act = (_, response) => {
      const more = (): void => {
        while (!response.destroyed && response.write(Buffer.alloc(65_536, ' ')));
        if (!response.destroyed) response.once('drain', more);
      };
      more();
    };
    await assert.rejects(download(address()), { code: 'ANSWER_TOO_LARGE' });
  });

  it('over anything but https is refused without asking anybody', async () => {
    for (const url of ['http://git.example.com/app.yml', 'ftp://x/y', 'https://']) {
      await assert.rejects(download(url), { code: 'MANIFEST_ADDRESS_INVALID' }, url);
    }
  });

  it('is given up when the run is told to stop', async () => {
    act = () => undefined;
    const stop = new AbortController();
    const downloading = downloadManifest(address(), { dispatcher, signal: stop.signal });
    stop.abort(new Error('stopped'));
    await assert.rejects(downloading, { message: 'stopped' });
  });
});
