import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { pushBaseImage } from '../../support/base-images.ts';
import { freshContainer } from '../../support/blob-container.ts';
import { runTaskProcess, type TaskProcessResult } from '../../support/packed-task.ts';
import { freshBucket, putObject } from '../../support/s3-bucket.ts';

type Values = Readonly<Record<string, string>>;

const MODEL = 'models/v3/model.onnx';
const PLAIN = { layout: 'plain', blobs: 'models/', select: 'newestFolder' };

/** A store whose listing has no MD5 of what is put into it. */
interface PlainStore {
  readonly inputs: Values;
  put(content: Buffer): Promise<void>;
  remove(): Promise<unknown>;
}

const STORES: Readonly<Record<string, () => Promise<PlainStore>>> = {
  'Azure Blob Storage, of blobs without MD5': async () => {
    const { service, name, client } = await freshContainer();
    const blob = client.getBlockBlobClient(MODEL);
    return {
      inputs: { storageAuth: 'connectionString', connectionString: service.connectionString, container: name },
      put: async (content) => {
        const block = Buffer.from('1').toString('base64');
        await blob.stageBlock(block, content, content.length);
        await blob.commitBlockList([block]);
      },
      remove: () => client.delete(),
    };
  },
  S3: async () => {
    const bucket = await freshBucket();
    const { endpoint, region } = bucket.emulator;
    const name = `${bucket.name}-open`;
    bucket.emulator.createBucket(name, { public: true });
    return {
      inputs: { store: 's3', s3Endpoint: endpoint, region, bucket: name, s3Auth: 'anonymous' },
      put: (content) => putObject({ ...bucket, name }, MODEL, content),
      // What it holds goes with its emulator.
      remove: () => Promise.resolve(),
    };
  },
};

describe('BundleModelImage and ResolveLatestImage on a plain store', function () {
  this.timeout('120s');
  const dispatcher = createDispatcher();
  let host = '';
  let base = '';
  before(async () => {
    ({ host } = (await ensureServices(['registry'])).registry);
    base = `plain/${randomUUID()}/base`;
    const client = new RegistryClient({ registry: host, dispatcher });
    await pushBaseImage(new Repository(client, { registry: host, repository: base }, 'pull,push'), '1');
  });
  after(() => dispatcher.destroy());

  const run = (task: string, inputs: Values): Promise<TaskProcessResult> =>
    runTaskProcess({ task, inputs, variables: { SOURCE_DATE_EPOCH: '1764000000' } });
  const succeeded = (result: TaskProcessResult): TaskProcessResult => {
    assert.equal(result.result, 'Succeeded', result.log);
    return result;
  };

  for (const [name, fresh] of Object.entries(STORES)) {
    it(`take a model that was overwritten in place for another one, and one that was not for the same: ${name}`, async () => {
      const store = await fresh();
      const repository = `${host}/plain/${randomUUID()}`;
      const bundle = async (tags: string): Promise<Values> => {
        const inputs = { ...store.inputs, ...PLAIN, modelSource: 'store', repository, tags };
        return succeeded(await run('BundleModelImage', { ...inputs, baseImage: `${host}/${base}:1` })).outputs;
      };
      const resolve = (requireLatestModel: string): Promise<TaskProcessResult> => {
        const inputs = { ...store.inputs, ...PLAIN, repository, newestBy: 'tag', tag: 'latest' };
        return run('ResolveLatestImage', { ...inputs, requireLatestModel });
      };
      const isLatest = async (): Promise<string | undefined> =>
        succeeded(await resolve('report')).outputs.modelIsLatest;
      try {
        await store.put(randomBytes(1000));
        const first = await bundle('latest');
        assert.equal(await isLatest(), 'true');
        const again = await bundle('latest');
        assert.deepEqual([again.imageChanged, again.bytesSent], ['false', '0']);
        // Another image, so that it is not as a whole that nothing is sent of it.
        assert.equal((await bundle('other')).bytesSent, '0');

        await store.put(randomBytes(1000));
        assert.equal(await isLatest(), 'false');
        const { log } = await resolve('true');
        assert.match(log, /MODEL_NOT_LATEST: .* carries \S+ v3, with other content; the newest is \S+ v3 /);
        const second = await bundle('latest');
        assert.equal(second.modelVersion, first.modelVersion);
        assert.equal(second.imageChanged, 'true');
        assert.notEqual(second.modelLayers, first.modelLayers);
        assert.equal(await isLatest(), 'true');
      } finally {
        await store.remove();
      }
    });
  }
});
