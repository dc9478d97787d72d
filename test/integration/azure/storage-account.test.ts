import assert from 'node:assert/strict';
import { AzureSession } from '../../../lib/azure/session.ts';
import { accountKeyOf, findAccount } from '../../../lib/azure/storage-account.ts';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { Answer, Call } from '../../../tools/services/azure/calls.ts';
import { TestAzure } from '../../support/azure.ts';
import { waitsOf } from '../../support/skipped-waits.ts';

describe("a storage account's key, by the service connection", () => {
  let azure: TestAzure;
  before(async () => {
    azure = await TestAzure.start();
  });
  after(() => azure.standIn.stop());
  beforeEach(() => azure.reset());
  afterEach(() => assert.deepEqual(azure.standIn.unknownCalls, []));

  const keyOf = async (wanted: string, subscriptionId = azure.standIn.account.subscriptionId): Promise<string> => {
    const { resources, identity } = new AzureSession(azure.readConnection('secret'), {
      dispatcher: createDispatcher({ caFile: azure.standIn.caFile }),
      signal: AbortSignal.timeout(60_000),
      onToken: () => undefined,
    });
    return accountKeyOf(resources, await findAccount(resources, { subscriptionId, wanted, identity }), identity);
  };
  /** Answers calls to Azure Resource Manager in its place, `times` times. */
  const instead = (times: number, answer: Answer, where = '/subscriptions/'): void => {
    let left = times;
    azure.standIn.circumstances.interrupt = ({ url }: Call) =>
      url.pathname.startsWith(where) && left-- > 0 ? answer : undefined;
  };

  it('is listed by the name of the account, and by its endpoint', async () => {
    azure.grant('Reader and Data Access');
    const { name, blobEndpoint, keys } = azure.standIn.account;
    for (const wanted of [name, blobEndpoint, `${blobEndpoint}/`]) assert.equal(await keyOf(wanted), keys[0]);
  });

  it('needs a role that sees the account, and lists those that it sees', async () => {
    await assert.rejects(keyOf('models'), { code: 'STORAGE_ACCOUNT_NOT_FOUND', message: /It sees: none/ });
    azure.grant('Reader and Data Access');
    await assert.rejects(keyOf('models'), {
      code: 'STORAGE_ACCOUNT_NOT_FOUND',
      message: /no storage account models in the subscription .* that the application .* It sees: devstoreaccount1\.$/,
    });
  });

  it('needs a role that lists keys, which the message names with its scope', async () => {
    azure.grant('Reader');
    const id = `/subscriptions/${azure.standIn.account.subscriptionId}/resourceGroups/models/providers/Microsoft.Storage/storageAccounts/devstoreaccount1`;
    await assert.rejects(keyOf('devstoreaccount1'), {
      code: 'AZURE_FORBIDDEN',
      message: /devstoreaccount1 may not be listed by the application .* \(AuthorizationFailed\)/,
      remedy: new RegExp(`"Reader and Data Access" on ${id},`),
    });
  });

  it('is not asked of an account that lets no keys in', async () => {
    azure.grant('Reader and Data Access');
    azure.change({ storageAccounts: [{ ...azure.standIn.account, allowsKeys: false }] });
    const before = azure.standIn.calls.length;
    await assert.rejects(keyOf('devstoreaccount1'), { code: 'ACCOUNT_KEYS_OFF' });
    assert.ok(!azure.standIn.calls.slice(before).some((call) => call.endsWith('/listKeys')));
  });

  it('cannot be listed of an account with a read-only lock', async () => {
    azure.grant('Reader and Data Access');
    azure.standIn.circumstances.interrupt = ({ url }) =>
      url.pathname.endsWith('/listKeys')
        ? {
            status: 409,
            body: { error: { code: 'ScopeLocked', message: 'The scope cannot perform write operation.' } },
          }
        : undefined;
    await assert.rejects(keyOf('devstoreaccount1'), { code: 'AZURE_FORBIDDEN', message: /read-only lock/ });
  });

  it('is looked for on every page, and on no other host', async () => {
    azure.grant('Reader and Data Access');
    const { origin, account } = azure.standIn;
    const path = `/subscriptions/${account.subscriptionId}/providers/Microsoft.Storage/storageAccounts`;
    instead(1, { status: 200, body: { value: [], nextLink: `${origin}${path}?api-version=2023-05-01&$skiptoken=a` } });
    assert.equal(await keyOf(account.name), account.keys[0]);
    instead(1, { status: 200, body: { value: [], nextLink: `https://elsewhere.stand-in.invalid${path}` } });
    await assert.rejects(keyOf(account.name), { code: 'AZURE_FAILED', message: /elsewhere\.stand-in\.invalid/ });
  });

  it('comes after a wait, where Azure is busy', async () => {
    azure.grant('Reader and Data Access');
    instead(2, { status: 429, headers: { 'retry-after': '7' }, body: { error: { code: 'TooManyRequests' } } });
    const waits = await waitsOf(async () => {
      assert.equal(await keyOf('devstoreaccount1'), azure.standIn.account.keys[0]);
    });
    assert.deepEqual(waits, [7_000, 7_000]);
  });

  it('is asked for again, where the connection breaks within an answer', async () => {
    azure.grant('Reader and Data Access');
    instead(1, { status: 200, body: { value: [{ name: 'other', properties: {} }] }, cut: true });
    assert.equal(await keyOf('devstoreaccount1'), azure.standIn.account.keys[0]);
  });

  it('is given up, where Azure stays busy or ill', async () => {
    instead(100, { status: 503, body: {} });
    await waitsOf(() =>
      assert.rejects(keyOf('devstoreaccount1'), { code: 'AZURE_BUSY', message: /kept answering 503/ }),
    );
  });

  it('fails clearly for a subscription that is not there, a refused token and what nobody expects', async () => {
    const noSuch = '11111111-2222-3333-4444-555555555555';
    await assert.rejects(keyOf('models', noSuch), {
      code: 'AZURE_SUBSCRIPTION_NOT_FOUND',
      message: new RegExp(noSuch),
    });
    const refused = { error: { code: 'InvalidAuthenticationTokenTenant', message: 'The wrong issuer.' } };
    instead(1, { status: 401, body: refused });
    await assert.rejects(keyOf('models'), { code: 'AZURE_TOKEN_REFUSED', message: /InvalidAuthenticationTokenTenant/ });
    instead(1, { status: 403, body: { error: { code: 'RequestDisallowedByPolicy', message: 'A policy.' } } });
    await assert.rejects(keyOf('models'), { code: 'AZURE_FORBIDDEN', message: /RequestDisallowedByPolicy/ });
    instead(1, { status: 418, body: 'no object' });
    await assert.rejects(keyOf('models'), { code: 'AZURE_FAILED', message: /answered 418/ });
    instead(1, { status: 200, body: undefined });
    await assert.rejects(keyOf('models'), { code: 'AZURE_FAILED', message: /not JSON/, remedy: /proxy/ });
  });
});
