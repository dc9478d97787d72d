import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { STORAGE_SCOPE } from '../../../lib/azure/cloud.ts';
import type { AzureConnection } from '../../../lib/azure/connection.ts';
import { AzureSession } from '../../../lib/azure/session.ts';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { Call } from '../../../tools/services/azure/calls.ts';
import { makeApplicationCertificate, PROXIED_DOMAIN } from '../../../tools/services/azure/certificates.ts';
import { readToken } from '../../../tools/services/azure/json-web-token.ts';
import { CONNECTION_ID, type Scheme, SCHEMES, TestAzure, withEnvironment } from '../../support/azure.ts';
import { ConnectProxy } from '../../support/connect-proxy.ts';

describe('signing in to Azure', () => {
  let azure: TestAzure;
  before(async () => {
    azure = await TestAzure.start();
  });
  after(() => azure.standIn.stop());
  beforeEach(() => azure.reset());
  afterEach(() => assert.deepEqual(azure.standIn.unknownCalls, []));

  const sessionOf = (connection: AzureConnection, signal = AbortSignal.timeout(60_000)): AzureSession =>
    new AzureSession(connection, {
      dispatcher: createDispatcher({ caFile: azure.standIn.caFile }),
      signal,
      onToken: () => undefined,
    });
  const tokenBy = (connection: AzureConnection, signal?: AbortSignal): Promise<string> =>
    withEnvironment(azure.environment, () => sessionOf(connection, signal).tokensFor(STORAGE_SCOPE).token());
  const by = (scheme: Scheme, parameters?: Readonly<Record<string, string>>): Promise<string> =>
    tokenBy(azure.readConnection(scheme, parameters));
  const isToken = ({ url }: Call): boolean => url.pathname.endsWith('/oauth2/v2.0/token');

  for (const scheme of SCHEMES) {
    it(`brings a token by the scheme ${scheme}`, async () => {
      const { aud, oid } = readToken(await by(scheme))?.claims ?? {};
      assert.deepEqual({ aud, oid }, { aud: 'https://storage.azure.com', oid: azure.application.objectId });
    });
  }

  it('asks again, where the connection breaks within the answer', async () => {
    let left = 1;
    azure.standIn.circumstances.interrupt = (call) =>
      isToken(call) && left-- > 0 ? { status: 200, body: { access_token: 'a'.repeat(1000) }, cut: true } : undefined;
    assert.equal(readToken(await by('secret'))?.claims.oid, azure.application.objectId);
  });

  it('takes a certificate in whichever order it was pasted', async () => {
    const { certificate, key } = azure.certificate;
    await by('certificate', { servicePrincipalCertificate: `${key}\n${certificate}`.replaceAll('\n', '\r\n') });
  });

  it('says what is wrong with each proof, and what to do', async () => {
    const other = await makeApplicationCertificate('other');
    const noSuch = '11111111-2222-3333-4444-555555555555';
    const cases: readonly (readonly [string, RegExp, () => Promise<string>])[] = [
      ['AZURE_SECRET_REFUSED', /AADSTS7000215/, () => by('secret', { serviceprincipalkey: 'wrong' })],
      ['AZURE_SECRET_EXPIRED', /AADSTS7000222/, () => by('secret', { serviceprincipalkey: 'expired' })],
      ['AZURE_IDENTITY_NOT_FOUND', /AADSTS90002/, () => by('secret', { tenantid: noSuch })],
      ['AZURE_IDENTITY_NOT_FOUND', /AADSTS700016/, () => by('secret', { serviceprincipalid: noSuch })],
      [
        'AZURE_CERTIFICATE_REFUSED',
        /AADSTS700027/,
        () => by('certificate', { servicePrincipalCertificate: other.certificate + other.key }),
      ],
      [
        'CONNECTION_INVALID',
        /no private key/,
        () => by('certificate', { servicePrincipalCertificate: other.certificate }),
      ],
    ];
    for (const [code, message, signIn] of cases) await assert.rejects(signIn, { code, message });
  });

  it('spells out the federated credential that is missing', async () => {
    azure.change({ connections: [{ id: CONNECTION_ID, subject: 'sc://my-organization/my-project/renamed' }] });
    await assert.rejects(by('federated'), {
      code: 'AZURE_FEDERATION_MISSING',
      message: /AADSTS700213/,
      remedy: new RegExp(
        `application ${azure.application.clientId} a federated credential with issuer https://vstoken\\.dev\\.azure\\.com/\\S+, ` +
          'subject sc://my-organization/my-project/renamed and audience api://AzureADTokenExchange',
      ),
    });
  });

  it('says so when the assertion had expired, or Azure Pipelines gave none', async () => {
    azure.standIn.circumstances.assertionLife = -60;
    await assert.rejects(by('federated'), { code: 'AZURE_ASSERTION_EXPIRED', message: /AADSTS700024/ });
    azure.change({ runTokens: [] });
    await assert.rejects(by('federated'), (error: Error & { code?: string }) => {
      assert.equal(error.code, 'AZURE_VOUCHER_REFUSED');
      assert.match(error.message, /answered 401/);
      // The library's error holds the whole request, with the run's token.
      assert.equal(error.cause, undefined);
      return true;
    });
    const elsewhere = { ...azure.environment, SYSTEM_OIDCREQUESTURI: '' };
    const session = sessionOf(azure.readConnection('federated'));
    await assert.rejects(
      withEnvironment(elsewhere, () => session.tokensFor(STORAGE_SCOPE).token()),
      { code: 'AZURE_VOUCHER_REFUSED', message: /SYSTEM_OIDCREQUESTURI/ },
    );
  });

  it('names the managed identity that the machine does not have', async () => {
    const connection = azure.readConnection('managed');
    const named: AzureConnection = { ...connection, identity: { kind: 'managed', clientId: 'another' } };
    await assert.rejects(tokenBy(named), { code: 'MANAGED_IDENTITY_MISSING', message: /Identity not found/ });
  });

  it('waits for Entra when it is busy, as long as it asks for', async () => {
    let refusals = 0;
    azure.standIn.circumstances.interrupt = (call) =>
      isToken(call) && refusals++ === 0
        ? { status: 429, headers: { 'retry-after': '2' }, body: { error: 'temporarily_unavailable' } }
        : undefined;
    const started = Date.now();
    await by('secret');
    assert.ok(Date.now() - started >= 2_000);
    assert.equal(refusals, 2);
  });

  it('can be cancelled while it waits', async () => {
    azure.standIn.circumstances.interrupt = (call) =>
      isToken(call) ? { status: 503, headers: { 'retry-after': '60' }, body: {} } : undefined;
    const stop = new AbortController();
    setTimeout(() => stop.abort(new Error('stopped')), 500);
    await assert.rejects(tokenBy(azure.readConnection('secret'), stop.signal), { message: 'stopped' });
  });

  it('tells an authority that nobody trusts, and one that is not there', async () => {
    const untrusting = new AzureSession(azure.readConnection('secret'), {
      dispatcher: createDispatcher(),
      signal: AbortSignal.timeout(60_000),
      onToken: () => undefined,
    });
    await assert.rejects(untrusting.tokensFor(STORAGE_SCOPE).token(), {
      code: 'AZURE_UNREACHABLE',
      message: /127\.0\.0\.1:\d+ could not be reached: [A-Z_]+\./,
      remedy: /certificate/,
    });
    const { cloud, ...connection } = azure.readConnection('secret');
    const absent = { ...connection, cloud: { ...cloud, authority: 'https://login.stand-in.invalid' } };
    await assert.rejects(tokenBy(absent), { code: 'AZURE_UNREACHABLE', message: /login\.stand-in\.invalid/ });
  });

  it("goes through the agent's proxy, trusting the agent's authorities", async () => {
    const proxy = await ConnectProxy.start({ username: 'agent', password: 'p@ss' });
    try {
      const { cloud, ...connection } = azure.readConnection('secret');
      const authority = `https://login.${PROXIED_DOMAIN}:${new URL(azure.standIn.origin).port}`;
      const session = new AzureSession(
        { ...connection, cloud: { ...cloud, authority } },
        {
          dispatcher: createDispatcher({
            caFile: azure.standIn.caFile,
            proxy: { url: proxy.origin, username: 'agent', password: 'p@ss' },
          }),
          signal: AbortSignal.timeout(60_000),
          onToken: () => undefined,
        },
      );
      await session.tokensFor(STORAGE_SCOPE).token();
      assert.deepEqual([...new Set(proxy.targets)], [new URL(authority).host]);
    } finally {
      await proxy.stop();
    }
  });

  it('has Azure Pipelines vouch anew for each token', async () => {
    azure.standIn.circumstances.tokenLife = 2;
    const before = azure.standIn.calls.length;
    await withEnvironment(azure.environment, async () => {
      const source = sessionOf(azure.readConnection('federated')).tokensFor(STORAGE_SCOPE);
      const tokens = new Set<string>();
      while (tokens.size < 4) {
        tokens.add(await source.token());
        await sleep(200);
      }
    });
    // The stand-in takes no assertion twice; how many more the library asks for is its own affair.
    const vouchers = azure.standIn.calls.slice(before).filter((call) => call.endsWith('/oidctoken'));
    assert.ok(vouchers.length >= 4, `${vouchers.length}`);
  });
});
