import { createHash } from 'node:crypto';
import { access, constants, type FileHandle, mkdir, open, rename, rm, stat, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { diskFull, isDiskFull } from '../errors/disk-full.ts';
import type { LayerIdentity } from '../packing/layer-digest.ts';
import type { NewDocument, NewImage } from './append.ts';
import { type BaseImage, readBaseImage } from './base-image.ts';
import { SourceReader } from './blob-source.ts';
import { assemble, baseLayers, checkFamily, type ImageRequest } from './compose-image.ts';
import type { Descriptor } from './image.ts';
import { inParallel } from './in-parallel.ts';
import { wantedLayers } from './layer-group.ts';
import { mismatch } from './layer-source.ts';
import { OCI } from './media-types.ts';
import { parseManifest } from './parse-documents.ts';
import { fateOf, type LayerFate, type Progress, type WantedLayer } from './transfer-layers.ts';

/** An image to make and write to a folder. */
export interface WriteRequest extends ImageRequest {
  /** What to call it there, such as `registry.example.com/team/app:12`. */
  readonly names: readonly string[];
}

/** What writing needs from outside. */
export interface WriteContext {
  /** A folder that is empty or not there yet. */
  readonly folder: string;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** An image in a folder. */
export interface WrittenImage {
  readonly digest: string;
  readonly base: BaseImage;
  readonly layers: readonly LayerFate[];
  /** Bytes of all its layers. */
  readonly bytesWritten: number;
}

/** Layers on their way at once. */
const AT_ONCE = 4;
/** How much of a layer is read in one go, in bytes. */
const PIECE = 64 * 1024 * 1024;

/**
 * Makes an image of a base and further layers in a folder, without a registry to push it to: an OCI image layout ("OCI Image
 * Layout Specification"), with the `manifest.json` by which Docker before 25 knows an image as well. Its documents are the
 * ones that pushing would store, so it has the digest that it will have in a registry.
 *
 * @throws DeliveryError `FOLDER_NOT_EMPTY`, `FOLDER_NOT_WRITABLE`, `DISK_FULL`, and as the base and the files give reason to
 */
export async function writeImage(request: WriteRequest, context: WriteContext): Promise<WrittenImage> {
  try {
    return await write(request, context);
  } catch (error) {
    throw isDiskFull(error) ? diskFull(context.folder, 'the image', error) : error;
  }
}

async function write(request: WriteRequest, { folder, onProgress, signal }: WriteContext): Promise<WrittenImage> {
  const blobs = await openFolder(folder);
  const plan = { earlier: undefined, mountFrom: [], signal };
  const [base, ...groups] = await Promise.all([
    readBaseImage(request.base, request.platforms, signal),
    ...request.groups.map((group) => wantedLayers(group, plan)),
  ]);
  checkFamily(base, request);
  const added = groups.flat();
  const wanted = [...baseLayers(base, undefined), ...added].filter(({ foreign }) => foreign !== true);
  const total = wanted.reduce((sum, { volume }) => sum + volume, 0);
  let done = 0;
  const onBytes = (bytes: number): void => {
    done = Math.min(total, done + bytes);
    onProgress({ done, total });
  };
  const layers = await inParallel(wanted, { limit: AT_ONCE, signal }, (layer, stop) =>
    writeLayer(layer, { blobs, onBytes, signal: stop }),
  );
  const image = assemble(request, base, layers.slice(layers.length - added.length));
  for (const { digest, bytes } of [...image.configs, ...image.manifests, image.top]) {
    await writeFile(join(blobs, hexOf(digest)), bytes);
  }
  await writeIndex(folder, image, request.names);
  return { digest: image.top.digest, base, layers, bytesWritten: layers.reduce((sum, { size }) => sum + size, 0) };
}

/** @returns its folder for blobs */
async function openFolder(folder: string): Promise<string> {
  const index = await stat(join(folder, 'index.json')).catch(() => undefined);
  if (index !== undefined) {
    throw new DeliveryError('FOLDER_NOT_EMPTY', {
      message: `The folder ${folder} holds an image already.`,
      remedy: 'Name another folder, or remove this one in a step before.',
    });
  }
  const blobs = join(folder, 'blobs', 'sha256');
  try {
    await mkdir(blobs, { recursive: true });
    // A run that was killed may have left it, as another user.
    await access(blobs, constants.W_OK);
  } catch (error) {
    throw isDiskFull(error) ? error : notWritable(folder, error);
  }
  return blobs;
}

function notWritable(folder: string, cause: unknown): DeliveryError {
  return new DeliveryError('FOLDER_NOT_WRITABLE', {
    message: `The folder ${folder} cannot be written: ${messageOf(cause)}.`,
    remedy: "Name a folder that the agent's user may write to.",
    cause,
  });
}

async function writeLayer(
  layer: WantedLayer,
  {
    blobs,
    onBytes,
    signal,
  }: { readonly blobs: string; readonly onBytes: (bytes: number) => void; readonly signal: AbortSignal },
): Promise<LayerFate> {
  const { source, known, hint = false } = layer;
  // Of a layer that is compressed on the way nobody knows the name before its last byte is out.
  const partial = join(blobs, `${createHash('sha256').update(source.name).digest('hex').slice(0, 16)}.partial`);
  const file = await open(partial, 'w');
  let written: LayerIdentity;
  try {
    written = await copyTo(file, new SourceReader(source, signal), onBytes);
  } catch (error) {
    await file.close();
    await rm(partial, { force: true });
    throw error;
  }
  await file.close();
  if (known !== undefined && !hint && known.digest !== written.digest) {
    await rm(partial, { force: true });
    throw mismatch(source.name, known.digest, written.digest);
  }
  await rename(partial, join(blobs, hexOf(written.digest)));
  return fateOf(layer, written, 'written');
}

async function copyTo(
  file: FileHandle,
  reader: SourceReader,
  onBytes: (bytes: number) => void,
): Promise<LayerIdentity> {
  try {
    for (let position = 0; reader.size !== position;) {
      const { end, body } = await reader.piece(position, PIECE);
      for await (const chunk of body) {
        // Unlike `write`, it goes on after a short write, which is how a disk that gets full begins.
        await file.writeFile(chunk);
        position += chunk.length;
        onBytes(chunk.length);
      }
      position = end;
    }
    return { digest: reader.digest(), size: reader.size };
  } finally {
    reader.close();
  }
}

async function writeIndex(folder: string, image: NewImage, names: readonly string[]): Promise<void> {
  const { mediaType, digest, bytes } = image.top;
  const manifests = names.map((name): Descriptor => {
    const annotations = { 'io.containerd.image.name': name, 'org.opencontainers.image.ref.name': tagOf(name) };
    return { mediaType, digest, size: bytes.length, annotations };
  });
  const index = { schemaVersion: 2, mediaType: OCI.index, manifests };
  await writeFile(join(folder, 'manifest.json'), JSON.stringify(dockerArchive(image, names)));
  await writeFile(join(folder, 'oci-layout'), JSON.stringify({ imageLayoutVersion: '1.0.0' }));
  // Whoever finds an index takes the image for whole.
  const partial = join(folder, 'index.json.partial');
  await writeFile(partial, JSON.stringify(index));
  await rename(partial, join(folder, 'index.json'));
}

/** What `docker load` before 25 reads; it knows one platform only. */
function dockerArchive({ top, manifests, configs }: NewImage, names: readonly string[]): readonly object[] {
  const manifest: NewDocument = manifests[0] ?? top;
  const { config, layers } = parseManifest(manifest.bytes);
  if (configs.length > 1) return [];
  return [
    {
      Config: `blobs/sha256/${hexOf(config.digest)}`,
      RepoTags: names,
      Layers: layers.map(({ digest }) => `blobs/sha256/${hexOf(digest)}`),
    },
  ];
}

function tagOf(name: string): string {
  return name.slice(name.lastIndexOf(':') + 1);
}

function hexOf(digest: string): string {
  return digest.replace(/^sha256:/, '');
}
