import { DeliveryError } from '../errors/delivery-error.ts';
import type { NewImage } from './append.ts';
import { type BaseImage, readBaseImage } from './base-image.ts';
import { assemble, baseLayers, checkFamily, type ImageRequest } from './compose-image.ts';
import { EarlierImages } from './earlier-images.ts';
import type { Descriptor } from './image.ts';
import type { RepositoryName } from './image-name.ts';
import { wantedLayers } from './layer-group.ts';
import type { RegistryClient } from './registry-client.ts';
import { Repository } from './repository.ts';
import { checkTags, checkUnmoved, moveTags, storeDocuments } from './store-image.ts';
import {
  fateOf,
  type LayerFate,
  type Progress,
  type TransferContext,
  transferLayers,
  type WantedLayer,
} from './transfer-layers.ts';

/** An image to make and push. */
export interface PushRequest extends ImageRequest {
  readonly target: RepositoryName;
  readonly tags: readonly string[];
  /** Whether a tag that points at another image is an error, and stays as it is. */
  readonly immutableTags: boolean;
  /** Other repositories of the target's registry that may have the layers to add. */
  readonly mountFrom: readonly string[];
  /** What else must be there before a tag points at the image. If it fails, the tags stay as they were. */
  readonly beforeTags?: (image: StoredImage) => Promise<void>;
}

/** An image that its repository has, whether or not a tag points at it yet. */
export interface StoredImage {
  readonly repository: Repository;
  /** Its index or only manifest. */
  readonly top: Descriptor;
  /** The manifests below its index; none where it has none. */
  readonly platforms: readonly Descriptor[];
  readonly base: BaseImage;
  readonly layers: readonly LayerFate[];
}

/** What pushing needs from outside. */
export interface PushContext {
  /** Speaks to the registry of the target. */
  readonly client: RegistryClient;
  readonly onProgress: (progress: Progress) => void;
  readonly signal: AbortSignal;
}

/** What became of it. */
export interface PushedImage {
  readonly digest: string;
  readonly mediaType: string;
  /** False where all tags pointed at this very image before. */
  readonly changed: boolean;
  readonly base: BaseImage;
  readonly layers: readonly LayerFate[];
  /** Bytes of layers that went out; what had to be sent twice counts twice. */
  readonly bytesSent: number;
  /** Bytes of layers that the registry had. */
  readonly bytesReused: number;
}

/**
 * Makes an image of a base and further layers inside the registry: sends what the registry lacks, stores the documents, and
 * moves the tags once everything that they need is there. Where this fails, a tag is as it was or names the whole new
 * image.
 *
 * @throws DeliveryError as the base, the registry and the files give reason to
 */
export async function pushImage(request: PushRequest, context: PushContext): Promise<PushedImage> {
  const { onProgress, signal } = context;
  const target = new Repository(context.client, request.target, 'pull,push');
  const others = request.mountFrom.map((repository) => {
    return new Repository(context.client, { ...request.target, repository }, 'pull');
  });
  const earlier = new EarlierImages(target, others, request.tags, signal);
  const plan = { earlier, mountFrom: request.mountFrom, signal };
  const [base, ...groups] = await Promise.all([
    readBaseImage(request.base, request.platforms, signal),
    ...request.groups.map((group) => wantedLayers(group, plan)),
  ]);
  checkFamily(base, request);

  const added = groups.flat();
  const ofBase = baseLayers(base, target.name);
  const same = await unchanged(request, base, { ofBase, added }, target, signal);
  if (same !== undefined) return same;

  const layers = { ofBase, added };
  const { image, fates, bytesSent } = await bring(request, base, layers, { target, onProgress, signal }).catch(
    (error: unknown) => {
      if (!(error instanceof DeliveryError) || error.code !== 'REGISTRY_INCONSISTENT') throw error;
      // A cache of the registry may remember what its last clean-up removed.
      return bring(request, base, layers, { target, onProgress, signal, afresh: true });
    },
  );
  await request.beforeTags?.(storedImage(target, image, base, fates));
  const moved = await moveTags(target, image.top, request, signal);
  return factsOf(image, base, { changed: moved > 0, layers: fates, bytesSent });
}

/** Sends what is missing and stores the image's documents, all but its tags. */
async function bring(
  request: PushRequest,
  base: BaseImage,
  { ofBase, added }: { readonly ofBase: readonly WantedLayer[]; readonly added: readonly WantedLayer[] },
  { afresh = false, ...context }: Omit<TransferContext, 'afresh'> & { readonly afresh?: boolean },
): Promise<{ readonly image: NewImage; readonly fates: readonly LayerFate[]; readonly bytesSent: number }> {
  const { target, signal } = context;
  const { fates, bytesSent } = await transferLayers([...ofBase, ...added], { ...context, afresh });
  const image = assemble(request, base, fates.slice(ofBase.length));
  await checkTags(target, request, image.top.digest, signal);
  await storeDocuments(target, image, afresh, signal);
  return { image, fates, bytesSent };
}

/** The image that would come out, if the tags have it already and all its digests are known. */
async function unchanged(
  request: PushRequest,
  base: BaseImage,
  { ofBase, added }: { readonly ofBase: readonly WantedLayer[]; readonly added: readonly WantedLayer[] },
  target: Repository,
  signal: AbortSignal,
): Promise<PushedImage | undefined> {
  if (request.tags.length === 0 || added.some(({ known }) => known === undefined)) return undefined;
  const layers = added.map((layer) => fateOf(layer, layer.known, 'reused'));
  const image = assemble(request, base, layers);
  const digests = await Promise.all(request.tags.map((tag) => target.digestOfTag(tag, signal)));
  checkUnmoved(request, digests, image.top.digest);
  if (digests.some((digest) => digest !== image.top.digest)) return undefined;
  const reused = ofBase.map((layer) => fateOf(layer, layer.known, 'reused'));
  const all = [...reused, ...layers];
  await request.beforeTags?.(storedImage(target, image, base, all));
  return factsOf(image, base, { changed: false, layers: all, bytesSent: 0 });
}

function storedImage(
  repository: Repository,
  { top, manifests }: NewImage,
  base: BaseImage,
  layers: readonly LayerFate[],
): StoredImage {
  const describe = ({ mediaType, digest, bytes }: NewImage['top']): Descriptor => {
    return { mediaType, digest, size: bytes.length };
  };
  return { repository, top: describe(top), platforms: manifests.map(describe), base, layers };
}

function factsOf(
  { top }: NewImage,
  base: BaseImage,
  facts: Pick<PushedImage, 'changed' | 'layers' | 'bytesSent'>,
): PushedImage {
  const reused = facts.layers.filter(({ fate }) => fate !== 'sent');
  const bytesReused = reused.reduce((sum, { size }) => sum + size, 0);
  return { digest: top.digest, mediaType: top.mediaType, base, ...facts, bytesReused };
}
