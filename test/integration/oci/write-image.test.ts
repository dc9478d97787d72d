import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { registryBase } from '../../../lib/oci/base-source.ts';
import { parseImageName } from '../../../lib/oci/image-name.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { writeImage, type WrittenImage } from '../../../lib/oci/write-image.ts';
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

  const writeTo = async (to: string): Promise<WrittenImage> => {
    const client = new RegistryClient({ registry: host, dispatcher });
    const base = registryBase(client, parseImageName(await pushSimpleBase(host, `write/${randomUUID()}`)));
    const layers = planLayers([memoryFile('weights.bin', Buffer.alloc(16 * MiB))], '/model');
    const group = { name: 'model', target: '/model', layers, compression: 'none', local: true } as const;
    const request = { base, platforms: [], groups: [group], settings: {}, about: () => ({}), annotations: {} };
    return writeImage(
      { ...request, created: new Date(0), names: ['shop.example/digits:1'] },
      { folder: to, onProgress: () => undefined, signal: new AbortController().signal },
    );
  };

  it('that its disk has no room for says so, and is not taken for whole', async () => {
    await assert.rejects(writeTo(folder), {
      code: 'DISK_FULL',
      message: new RegExp(`${folder} has no room for the image`),
    });
    assert.ok(!existsSync(join(folder, 'index.json')));
  });

  it('that nobody may write to says so, as does one in whose place there is a file', async () => {
    writeFileSync(join(folder, 'notes.txt'), '');
    disk?.makeReadOnly();
    for (const path of [folder, join(folder, 'image'), join(folder, 'notes.txt')]) {
      await assert.rejects(writeTo(path), {
        code: 'FOLDER_NOT_WRITABLE',
        message: new RegExp(`folder ${path} cannot`),
      });
    }
  });
});
