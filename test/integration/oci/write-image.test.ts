import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { registryBase } from '../../../lib/oci/base-source.ts';
import { parseImageName } from '../../../lib/oci/image-name.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { writeImage } from '../../../lib/oci/write-image.ts';
import { planLayers } from '../../../lib/packing/layer-plan.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { pushSimpleBase } from '../../support/base-images.ts';
import { memoryFile } from '../../support/memory-file.ts';
import { SmallDisk } from '../../support/small-disk.ts';

const MiB = 1024 * 1024;
const dispatcher = createDispatcher();

describe('an image written to a folder', function () {
  this.timeout('60s');
  let host = '';
  let folder = '';
  let disk: SmallDisk | undefined;
  before(async () => {
    ({ host } = (await ensureServices(['registry'])).registry);
  });
  after(() => dispatcher.destroy());
  beforeEach(function () {
    folder = mkdtempSync(join(tmpdir(), 'write-image-'));
    disk = SmallDisk.mount(folder, 8);
    if (disk === undefined) this.skip();
  });
  afterEach(() => {
    disk?.unmount();
    rmSync(folder, { recursive: true, force: true });
  });

  it('that its disk has no room for says so, and is not taken for whole', async () => {
    const client = new RegistryClient({ registry: host, dispatcher });
    const base = registryBase(client, parseImageName(await pushSimpleBase(host, `write/${randomUUID()}`)));
    const layers = planLayers([memoryFile('weights.bin', Buffer.alloc(16 * MiB))], '/model');
    const group = { name: 'model', target: '/model', layers, compression: 'none', local: true } as const;
    const request = { base, platforms: [], groups: [group], settings: {}, about: () => ({}), annotations: {} };
    const writing = writeImage(
      { ...request, created: new Date(0), names: ['shop.example/digits:1'] },
      { folder, onProgress: () => undefined, signal: new AbortController().signal },
    );
    await assert.rejects(writing, { code: 'DISK_FULL', message: new RegExp(`${folder} has no room for the image`) });
    assert.ok(!existsSync(join(folder, 'index.json')));
  });
});
