// The image that the example apps stand on: Debian with Python, Flask, gunicorn, numpy and Pillow.
import { createReadStream } from 'node:fs';
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { uploadBlob } from '../../lib/oci/blob-upload.ts';
import { encodeDocument, type ImageConfig, type Manifest } from '../../lib/oci/image.ts';
import { DOCKER } from '../../lib/oci/media-types.ts';
import { digestOf } from '../../lib/oci/digest.ts';
import { RegistryClient } from '../../lib/oci/registry-client.ts';
import { Repository } from '../../lib/oci/repository.ts';
import { BUILT_AT, buildRootFilesystem, type Layer, RECIPE } from './root-filesystem.ts';
import type { Services } from './services.ts';
import { underSetupLock } from './setup-lock.ts';
import { type Progress, printedProgress } from './stages.ts';
import { cachedFolder } from './state-folder.ts';

const REPOSITORY = 'base/python-flask';
/** An image of an earlier recipe, which a registry may still have, is another one. */
const TAG = RECIPE.replace('python-flask-', '');
const LAYER_TYPE = 'application/vnd.docker.image.rootfs.diff.tar.gzip';
const NEVER = new AbortController().signal;

/**
 * Makes sure that the local registry holds the base image and returns its name with the registry's host. It is built
 * from Debian's packages once (about a minute), so it needs no other registry, and has the same digest however often
 * and wherever it is built from the same packages.
 */
export async function ensureBaseImage(
  { registry }: Pick<Services, 'registry'>,
  progress: Progress = printedProgress(),
): Promise<string> {
  const image = `${registry.host}/${REPOSITORY}:${TAG}`;
  const dispatcher = createDispatcher();
  try {
    const client = new RegistryClient({ registry: registry.host, dispatcher });
    const repository = new Repository(client, { registry: registry.host, repository: REPOSITORY }, 'pull,push');
    if ((await repository.digestOfTag(TAG, NEVER)) !== undefined) return image;
    await underSetupLock(progress, async () => {
      const folder = await cachedFolder(`${RECIPE}-${process.arch}`, async (output) => {
        await buildRootFilesystem(output, progress);
      });
      await progress.stage(`Pushing the base image ${image}`, async () => await push(repository, folder));
    });
  } finally {
    await dispatcher.destroy();
  }
  return image;
}

async function push(repository: Repository, folder: string): Promise<void> {
  const file = join(folder, 'layer.tar.gz');
  const { digest, diffId } = JSON.parse(await readFile(join(folder, 'layer.json'), 'utf8')) as Layer;
  const { size } = await stat(file);
  await uploadBlob(repository.client, {
    repository: REPOSITORY,
    source: { name: 'base image', size, open: (start, signal) => createReadStream(file, { start, signal }) },
    digest,
    onSent: () => undefined,
    signal: NEVER,
  });
  const config = encodeDocument(configOf(diffId));
  await repository.putDocument(config, NEVER);
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: DOCKER.manifest,
    config: { mediaType: DOCKER.config, digest: digestOf(config), size: config.length },
    layers: [{ mediaType: LAYER_TYPE, digest, size }],
  };
  await repository.putManifest(TAG, { mediaType: DOCKER.manifest, bytes: encodeDocument(manifest) }, NEVER);
}

function configOf(diffId: string): ImageConfig {
  const created = BUILT_AT.toISOString();
  return {
    architecture: process.arch === 'x64' ? 'amd64' : process.arch,
    os: 'linux',
    created,
    config: {
      Env: ['PATH=/usr/local/bin:/usr/bin:/bin', 'PYTHONUNBUFFERED=1', 'LANG=C.UTF-8'],
      Cmd: ['python3'],
    },
    rootfs: { type: 'layers', diff_ids: [diffId] },
    history: [{ created, created_by: `debootstrap: ${RECIPE}` }],
  };
}
