import assert from 'node:assert/strict';
import { cloudOf } from '../../../lib/azure/cloud.ts';
import { ResourceManager } from '../../../lib/azure/resource-manager.ts';
import { AzureSession } from '../../../lib/azure/session.ts';
import { createDirectReader, createDispatcher } from '../../../lib/http/dispatcher.ts';
import { accountAddress } from '../../../lib/model/stores/azure-access.ts';
import { AzureBlobStore } from '../../../lib/model/stores/azure-blob.ts';
import type { S3Credential } from '../../../lib/model/stores/s3-access.ts';
import { S3Store } from '../../../lib/model/stores/s3.ts';
import { ConnectProxy } from '../../support/connect-proxy.ts';

const NEVER = new AbortController().signal;
const KEYS = { kind: 'keys', accessKeyId: 'AKIAEXAMPLE', secretAccessKey: 'secret', sessionToken: undefined } as const;
const ROLE: S3Credential = {
  kind: 'role',
  arn: 'arn:aws:iam::1:role/models',
  sessionName: 'run',
  externalId: undefined,
  by: KEYS,
  hide: () => undefined,
};

/** Of its cloud: it is the public one. */
const NOTHING_SAID = {
  environment: undefined,
  resourceManager: undefined,
  authority: undefined,
  resourceManagerAudience: undefined,
  storageSuffix: undefined,
};

/** Nobody but the proxy is ever asked. */
describe('a proxy that does not know the agent', () => {
  let proxy: ConnectProxy;
  beforeEach(async () => {
    proxy = await ConnectProxy.start({ username: 'agent', password: 'right' });
  });
  afterEach(() => proxy.stop());

  const network = () => ({ proxy: { url: proxy.origin, username: 'agent', password: 'wrong' } });
  const surroundings = () => ({ dispatcher: createDispatcher(network(), {}), signal: NEVER, onToken: () => undefined });
  const readFromS3 = async (credential: S3Credential): Promise<unknown> => {
    const where = { bucket: 'models', region: 'eu-central-1', endpoint: undefined, pathStyle: true };
    const direct = createDirectReader(network(), {});
    return (await S3Store.open({ ...where, credential }, { ...surroundings(), direct })).read('a', NEVER);
  };

  const attempts: Readonly<Record<string, readonly [code: string, ask: () => Promise<unknown>]>> = {
    'Azure Blob Storage': [
      'STORE_UNREACHABLE',
      async () => {
        const where = { ...accountAddress('https://shop.blob.core.windows.net'), container: 'models' };
        const store = await AzureBlobStore.open(
          { ...where, credential: { kind: 'anonymous' } },
          { network: network() },
        );
        return store.read('a', NEVER);
      },
    ],
    S3: ['STORE_UNREACHABLE', () => readFromS3(KEYS)],
    "AWS's token service": ['ROLE_NOT_ASSUMED', () => readFromS3(ROLE)],
    'Microsoft Entra': [
      'AZURE_UNREACHABLE',
      () => {
        const identity = { kind: 'secret', tenantId: 'tenant', clientId: 'client', secret: 'secret' } as const;
        const connection = { id: 'models', cloud: cloudOf(NOTHING_SAID), subscriptionId: undefined, identity };
        return new AzureSession(connection, surroundings()).tokensFor('scope/.default').token();
      },
    ],
    'Azure Resource Manager': [
      'AZURE_UNREACHABLE',
      () => {
        const asking = {
          cloud: cloudOf(NOTHING_SAID),
          token: () => Promise.resolve('token'),
          identity: 'the application',
        };
        return new ResourceManager({ ...asking, ...surroundings() }).ask('GET', '/subscriptions');
      },
    ],
  };
  for (const [peer, [code, ask]] of Object.entries(attempts)) {
    it(`on the way to ${peer} is told as such, and asked no second time: that could lock its user's account`, async () => {
      await assert.rejects(ask(), {
        code,
        message: /: the proxy answered 407\.$/,
        remedy: 'Check user name and password of the proxy that the agent or HTTPS_PROXY names.',
      });
      assert.equal(proxy.refusals, 1);
    });
  }
});
