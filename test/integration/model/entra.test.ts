import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { ContainerClient } from '@azure/storage-blob';
import { STORAGE_SCOPE } from '../../../lib/azure/cloud.ts';
import { AzureSession } from '../../../lib/azure/session.ts';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { accountAddress } from '../../../lib/model/stores/azure-access.ts';
import { AzureBlobStore } from '../../../lib/model/stores/azure-blob.ts';
import { PROXIED_DOMAIN } from '../../../tools/services/azure/certificates.ts';
import { TestAzure, withEnvironment } from '../../support/azure.ts';
import { ConnectProxy } from '../../support/connect-proxy.ts';
import { noise } from '../../support/model-folder.ts';
import { objectPart } from '../../support/object-stores.ts';

let signal: AbortSignal;

describe('a store that is opened by tokens of Microsoft Entra', () => {
  let azure: TestAzure;
  let container: ContainerClient;
  before(async () => {
    azure = await TestAzure.start();
    container = await azure.container();
  });
  after(() => azure.standIn.stop());
  beforeEach(() => {
    azure.reset();
    signal = AbortSignal.timeout(110_000);
  });
  afterEach(() => assert.deepEqual(azure.standIn.unknownCalls, []));

  const open = async (
    endpoint: string = azure.standIn.account.blobEndpoint,
    network: Parameters<typeof createDispatcher>[0] = { caFile: azure.standIn.caFile },
  ): Promise<AzureBlobStore> => {
    const session = new AzureSession(azure.readConnection('federated'), {
      dispatcher: createDispatcher({ caFile: azure.standIn.caFile }),
      signal,
      onToken: () => undefined,
    });
    const tokens = session.tokensFor(STORAGE_SCOPE);
    return AzureBlobStore.open(
      {
        ...accountAddress(endpoint),
        container: container.containerName,
        credential: { kind: 'token', token: (refused) => tokens.token(refused), identity: session.identity },
      },
      { network },
    );
  };
  const inEnvironment = (work: () => Promise<void>): Promise<void> => withEnvironment(azure.environment, work);

  it('reads and writes with the role Storage Blob Data Contributor on the container alone', () =>
    inEnvironment(async () => {
      azure.grant('Storage Blob Data Contributor', container.containerName);
      const store = await open();
      assert.ok(await store.write('a/b c', Buffer.from('hello'), 'absent', signal));
      assert.equal((await store.read('a/b c', signal))?.text, 'hello');
      const upload = store.startUpload('big');
      await upload.send(0, objectPart(noise(1_000_000)), signal);
      await upload.complete(1, signal);
      assert.ok((await container.getBlobClient('big').downloadToBuffer()).equals(noise(1_000_000)));
      await store.remove('big', signal);
    }));

  it('names the role that is missing, and where', () =>
    inEnvironment(async () => {
      const { containerName } = container;
      const refused = new RegExp(
        `container ${containerName} of the storage account devstoreaccount1 may not be (read|written) by the application ${azure.application.clientId}`,
      );
      const store = await open();
      await assert.rejects(store.read('a', signal), {
        code: 'STORE_FORBIDDEN',
        message: refused,
        remedy: /role "Storage Blob Data Reader" on that container/,
      });
      azure.grant('Storage Blob Data Reader', containerName);
      assert.equal(await store.read('a', signal), undefined);
      await assert.rejects(store.write('a', Buffer.from('x'), 'absent', signal), {
        code: 'STORE_FORBIDDEN',
        message: refused,
        remedy: /role "Storage Blob Data Contributor"/,
      });
    }));

  it('has no use for roles of other containers, nor for those that only see accounts', () =>
    inEnvironment(async () => {
      azure.grant('Storage Blob Data Reader', 'another');
      azure.grant('Reader and Data Access');
      await assert.rejects((await open()).read('a', signal), { code: 'STORE_FORBIDDEN' });
    }));

  it('outlives its tokens: none of its requests comes with one that has ended', () =>
    inEnvironment(async () => {
      azure.grant('Storage Blob Data Contributor');
      azure.standIn.circumstances.tokenLife = 3;
      const [tokens, refusals] = [azure.standIn.storageTokens.size, azure.standIn.storageRefusals.length];
      const store = await open();
      const bytes = noise(100_000);
      await store.write('slow', bytes, 'absent', signal);
      const range = { name: 'slow', offset: 0, length: bytes.length, size: bytes.length, etag: undefined };
      const read = async (): Promise<Buffer> => {
        const into = Buffer.alloc(bytes.length);
        await store.readRange(range, into, signal);
        return into;
      };
      for (const end = Date.now() + 9_000; Date.now() < end;) {
        await sleep(50);
        assert.ok((await Promise.all([read(), read(), read()])).every((each) => bytes.equals(each)));
      }
      assert.ok(azure.standIn.storageTokens.size - tokens >= 4, 'tokens were not renewed');
      assert.equal(azure.standIn.storageRefusals.length, refusals);
    }));

  it('replaces a token that is refused, once', () =>
    inEnvironment(async () => {
      azure.grant('Storage Blob Data Reader');
      const store = await open();
      await store.read('a', signal);
      // As when the tenant's keys are rotated: nothing that was issued before is accepted any more.
      azure.standIn.revokeTokens();
      const refusals = azure.standIn.storageRefusals.length;
      assert.equal(await store.read('a', signal), undefined);
      assert.deepEqual(azure.standIn.storageRefusals.slice(refusals), ['InvalidAuthenticationInfo']);
    }));

  it('fails with what signing in fails with', () =>
    inEnvironment(async () => {
      azure.change({ connections: [] });
      await assert.rejects((await open()).read('a', signal), {
        code: 'AZURE_VOUCHER_REFUSED',
        message: /answered 404/,
      });
    }));

  it('is reached through the proxy of the agent, which is shown no token', () =>
    inEnvironment(async () => {
      azure.grant('Storage Blob Data Reader');
      const proxy = await ConnectProxy.start({ username: 'agent', password: 'p@ss' });
      const { port, pathname } = new URL(azure.standIn.account.blobEndpoint);
      const endpoint = `https://models.${PROXIED_DOMAIN}:${port}${pathname}`;
      const { caFile } = azure.standIn;
      try {
        const settings = { url: proxy.origin, username: 'agent', password: 'p@ss' };
        assert.equal(await (await open(endpoint, { caFile, proxy: settings })).read('a', signal), undefined);
        assert.deepEqual([...new Set(proxy.targets)], [`models.${PROXIED_DOMAIN}:${port}`]);
        const wrong = await open(endpoint, { caFile, proxy: { ...settings, password: 'wrong' } });
        await assert.rejects(wrong.read('a', signal), { code: 'STORE_UNREACHABLE' });
      } finally {
        await proxy.stop();
      }
    }));
});
