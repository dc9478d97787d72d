import assert from 'node:assert/strict';
import { BlobServiceClient } from '@azure/storage-blob';
import { startThrowawayBlob, startThrowawayRegistry } from '../../../tools/services/throwaway.ts';

describe('a service of a test’s own', () => {
  it('is a blob service with nothing in it, gone when stopped', async () => {
    const blob = await startThrowawayBlob();
    const client = BlobServiceClient.fromConnectionString(blob.connectionString);
    const first = await client.listContainers().next();
    assert.equal(first.done, true);
    await blob.stop();
    await assert.rejects(fetch(blob.endpoint));
  });

  it('is a registry that lets in its users and nobody else', async () => {
    const registry = await startThrowawayRegistry({ users: { ann: 'pa:ss$word', bob: 'x' } });
    const statusFor = async (user: string): Promise<number> => {
      const authorization = `Basic ${Buffer.from(user).toString('base64')}`;
      return (await fetch(`http://${registry.host}/v2/`, { headers: { authorization } })).status;
    };
    try {
      assert.equal((await fetch(`http://${registry.host}/v2/`)).status, 401);
      assert.equal(await statusFor('ann:wrong'), 401);
      assert.equal(await statusFor('ann:pa:ss$word'), 200);
      assert.equal(await statusFor('bob:x'), 200);
    } finally {
      await registry.stop();
    }
  });
});
