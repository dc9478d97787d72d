import assert from 'node:assert/strict';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import type { Index, Manifest } from '../../../lib/oci/image.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { PLATFORMS } from '../../support/base-images.ts';
import { type OciDocument, schemaErrors } from '../../support/oci-schema.ts';
import { newModel, PushBench } from '../../support/push-bench.ts';

const NEVER = new AbortController().signal;
const dispatcher = createDispatcher();

describe('the documents of an image', function () {
  this.timeout('60s');
  let bench: PushBench;
  before(async () => {
    bench = new PushBench((await ensureServices(['registry'])).registry.host, dispatcher);
  });
  after(() => dispatcher.destroy());

  it('are what the schemas of the OCI image specification want, with every setting', async () => {
    const request = await bench.request({ platforms: [PLATFORMS.AMD64, PLATFORMS.ARM64] });
    await bench.push({
      ...request,
      groups: [newModel(1000), { ...newModel(1000), name: 'app', target: '/app', compression: 'gzip' }],
      annotations: { 'com.example.owner': 'ml' },
      settings: {
        entrypoint: ['/app/run.sh'],
        command: ['serve'],
        env: { PORT: '8000' },
        user: '10001:10001',
        workingDirectory: '/app',
        labels: { team: 'ml' },
        stopSignal: 'SIGINT',
        ports: ['8000/tcp', '9000/udp'],
        healthCheck: { Test: ['CMD', 'true'], Interval: 1_000_000_000 },
      },
    });
    const repository = bench.repository(request.target.repository);
    const manifestOf = async (reference: string): Promise<unknown> =>
      JSON.parse((await repository.manifest(reference, NEVER))?.bytes.toString() ?? '');
    const valid = (kind: OciDocument, document: unknown): void =>
      assert.equal(schemaErrors(kind, document), '', JSON.stringify(document, undefined, 1));

    const index = await manifestOf('latest');
    valid('image-index', index);
    for (const { digest } of (index as Index).manifests) {
      const manifest = await manifestOf(digest);
      valid('image-manifest', manifest);
      const config = (await repository.document((manifest as Manifest).config.digest, NEVER)).toString();
      valid('config', JSON.parse(config));
    }
    assert.notEqual(
      schemaErrors('image-manifest', { ...(index as Index), layers: [{}] }),
      '',
      'it finds what is wrong',
    );
  });
});
