import assert from 'node:assert/strict';
import { accountAddress, keyCredential, sasCredential } from '../../../../lib/model/stores/azure-access.ts';
import { AzureBlobStore } from '../../../../lib/model/stores/azure-blob.ts';
import { type BlobContainer, freshContainer, put } from '../../../support/blob-container.ts';

const NEVER = new AbortController().signal;

describe('a store on Azure Blob Storage that cannot be used', function () {
  this.timeout(60_000);
  let container: BlobContainer;
  before(async () => {
    container = await freshContainer();
  });
  after(() => container.client.delete());

  const readAt = async (changed: Partial<BlobContainer['access']>): Promise<unknown> => {
    const store = await AzureBlobStore.open({ ...container.access, ...changed }, { connectLimit: 1000 });
    return store.read('models/x', NEVER);
  };
  const soon = async (code: string, changed: Partial<BlobContainer['access']>): Promise<void> => {
    const started = Date.now();
    await assert.rejects(readAt(changed), { code });
    assert.ok(Date.now() - started < 20_000, `${code} took ${Date.now() - started} ms`);
  };

  it('because its host does not exist, nothing listens, or nobody answers, is unreachable', async () => {
    await soon('STORE_UNREACHABLE', accountAddress('https://no-such-account.invalid'));
    await soon('STORE_UNREACHABLE', accountAddress('http://127.0.0.1:9/devstoreaccount1'));
    // TEST-NET-1 of RFC 5737 answers nobody.
    await soon('STORE_UNREACHABLE', accountAddress('https://192.0.2.1/shop'));
  });

  it('because the key is wrong is told as such', async () => {
    await soon('STORE_UNAUTHORIZED', { credential: keyCredential(Buffer.alloc(64, 1).toString('base64')) });
    const sas = 'sv=2024-11-04&sr=c&sp=rl&se=2099-01-01T00:00:00Z&sig=d3Jvbmc=';
    await soon('STORE_UNAUTHORIZED', { credential: sasCredential(sas) });
  });

  it('because the signature lacks a right is told apart', async () => {
    const writeOnly = await sasOf(container, 'w');
    await soon('STORE_FORBIDDEN', { credential: sasCredential(writeOnly) });
  });

  it('because the container is not there, or not public, is told as such', async () => {
    const { service, access } = container;
    const missing = await AzureBlobStore.open({ ...access, container: 'not-there' });
    await assert.rejects(missing.read('x', NEVER), { code: 'CONTAINER_NOT_FOUND', message: /not-there/ });
    const anonymous = await AzureBlobStore.open({
      ...accountAddress(service.endpoint),
      container: container.name,
      credential: { kind: 'anonymous' },
    });
    await assert.rejects(
      (async () => {
        for await (const { name } of anonymous.list('', NEVER)) assert.fail(name);
      })(),
      ({ code }: { code: string }) => ['CONTAINER_NOT_FOUND', 'STORE_UNAUTHORIZED'].includes(code),
    );
  });

  it('works with a signature that has just the rights it needs', async () => {
    await put(container, 'a/b.txt', 'hello');
    const store = await AzureBlobStore.open({
      ...container.access,
      credential: sasCredential(await sasOf(container, 'rl')),
    });
    const names: string[] = [];
    for await (const { name } of store.list('a/', NEVER)) names.push(name);
    assert.deepEqual(names, ['a/b.txt']);
    assert.equal((await store.read('a/b.txt', NEVER))?.text, 'hello');
  });
});

async function sasOf(container: BlobContainer, permissions: string): Promise<string> {
  const { ContainerSASPermissions } = await import('@azure/storage-blob');
  return container.client.generateSasUrl({
    permissions: ContainerSASPermissions.parse(permissions),
    expiresOn: new Date(Date.now() + 3_600_000),
  });
}
