import type { Layer } from '../packing/layer.ts';
import type { LayerIdentity } from '../packing/layer-digest.ts';
import { type LayerFile, readLayer } from '../packing/read-layer.ts';
import { append, type NewImage } from './append.ts';
import { type BaseImage, readBaseImage } from './base-image.ts';
import { registryBlob } from './blob-download.ts';
import type { BlobSource } from './blob-source.ts';
import { identifyLayer } from './identify-layer.ts';
import type { Descriptor } from './image.ts';
import type { ImageName, RepositoryName } from './image-name.ts';
import { isForeign } from './media-types.ts';
import { type ContentLabels, layersOfPreviousImage } from './previous-image.ts';
import type { RegistryClient } from './registry-client.ts';
import { Repository } from './repository.ts';
import type { RunSettings } from './run-settings.ts';
import { storeImage } from './store-image.ts';
import { type LayerFate, type Progress, transferLayers, type WantedLayer } from './transfer-layers.ts';

/** Layers that belong together: the app's, or the model's. */
export interface LayerGroup {
  /** Such as `model`. */
  readonly name: string;
  /** Where they go, such as `/model`. */
  readonly target: string;
  readonly layers: readonly Layer<LayerFile>[];
  /** Their identities, where they are known beforehand. */
  readonly known?: readonly LayerIdentity[] | undefined;
  /** The files are on this machine: to hash them first costs less than to send what is there already. */
  readonly local: boolean;
  /** The labels by which images name this content. */
  readonly content?: ContentLabels | undefined;
}

/** An image to make and push. */
export interface PushRequest {
  readonly base: ImageName;
  /** Platforms of the base to build for; none: all that can be. */
  readonly platforms: readonly string[];
  readonly target: RepositoryName;
  readonly tags: readonly string[];
  /** In the order in which their layers lie upon the base. */
  readonly groups: readonly LayerGroup[];
  readonly settings: RunSettings;
  /** What to say about the image, in labels and annotations, once its base is known. */
  readonly about: (base: BaseImage) => Readonly<Record<string, string>>;
  readonly created: Date;
}

/** What pushing needs from outside. */
export interface PushContext {
  /** Speaks to the registry of the target. */
  readonly client: RegistryClient;
  /** Speaks to the registry of the base. */
  readonly baseClient: RegistryClient;
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

/** A group with what is known of its layers. */
interface PlannedGroup {
  readonly group: LayerGroup;
  readonly wanted: readonly WantedLayer[];
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
  const baseRepository = new Repository(context.baseClient, request.base, 'pull');
  const [base, ...groups] = await Promise.all([
    readBaseImage(baseRepository, { name: request.base, platforms: request.platforms }, signal),
    ...request.groups.map((group) => planGroup(group, target, request.tags, signal)),
  ]);

  const same = await unchanged(request, base, groups, target, signal);
  if (same !== undefined) return same;

  const ofBase = baseLayers(base, context);
  const wanted = [...ofBase, ...groups.flatMap((group) => group.wanted)];
  const { fates, bytesSent } = await transferLayers(wanted, { target, onProgress, signal });
  const image = assemble(request, base, fates.slice(ofBase.length));
  const moved = await storeImage(target, image, request.tags, signal);
  return factsOf(image, base, { changed: moved > 0, layers: fates, bytesSent });
}

/** Learns as much of a group's layers as can be had without sending them. */
async function planGroup(
  group: LayerGroup,
  target: Repository,
  tags: readonly string[],
  signal: AbortSignal,
): Promise<PlannedGroup> {
  const { name, layers, known, local, content } = group;
  const sources = layers.map((layer, index) => layerSource(name, layer, index, layers.length));
  const wanted = (digests: readonly LayerIdentity[], hint: boolean): PlannedGroup => ({
    group,
    wanted: sources.map((source, index) => ({ group: name, digest: digests[index]?.digest, hint, source })),
  });
  if (known !== undefined && fits(known, layers)) return wanted(known, false);
  if (local) {
    const digests: LayerIdentity[] = [];
    for (const layer of layers) digests.push(await identifyLayer(layer, signal));
    return wanted(digests, false);
  }
  const previous = content && (await layersOfPreviousImage(target, tags, content, signal));
  return wanted(previous !== undefined && fits(previous, layers) ? previous : [], true);
}

/** Whether identities can be those of these layers: their number and sizes are known from the plan. */
function fits(identities: readonly LayerIdentity[], layers: readonly Layer<LayerFile>[]): boolean {
  return identities.length === layers.length && layers.every(({ size }, index) => identities[index]?.size === size);
}

function layerSource(group: string, layer: Layer<LayerFile>, index: number, count: number): BlobSource {
  const [first] = layer.files;
  const files = layer.files.length === 1 && first !== undefined ? first.path : `${layer.files.length} files`;
  const name = count === 1 ? `the ${group} layer (${files})` : `${group} layer ${index + 1} of ${count} (${files})`;
  return { name, size: layer.size, open: (offset, signal) => readLayer(layer, offset, signal) };
}

/** The base's layers, each once however many platforms share it. */
function baseLayers(base: BaseImage, { client, baseClient }: PushContext): readonly WantedLayer[] {
  const { repository } = base.name;
  const unique = new Map<string, Descriptor>();
  for (const { manifest } of base.images) for (const layer of manifest.layers) unique.set(layer.digest, layer);
  return [...unique.values()].map(({ digest, size, mediaType }) => ({
    group: 'base',
    digest,
    mountFrom: client.registry === baseClient.registry ? repository : undefined,
    source: registryBlob(baseClient, repository, digest, size),
    foreign: isForeign(mediaType),
  }));
}

/** The image that would come out, if the tags have it already and all its digests are known. */
async function unchanged(
  request: PushRequest,
  base: BaseImage,
  groups: readonly PlannedGroup[],
  target: Repository,
  signal: AbortSignal,
): Promise<PushedImage | undefined> {
  const wanted = groups.flatMap((group) => group.wanted);
  const added = wanted.flatMap(({ group, digest, source: { name, size } }): LayerFate[] =>
    digest === undefined ? [] : [{ group, name, digest, size, fate: 'reused' }],
  );
  if (added.length < wanted.length || request.tags.length === 0) return undefined;
  const image = assemble(request, base, added);
  const digests = await Promise.all(request.tags.map((tag) => target.digestOfTag(tag, signal)));
  if (digests.some((digest) => digest !== image.top.digest)) return undefined;
  const ofBase = base.images.flatMap(({ manifest }) => manifest.layers).map(reusedLayer);
  const layers = [...new Map(ofBase.map((layer) => [layer.digest, layer])).values(), ...added];
  return factsOf(image, base, { changed: false, layers, bytesSent: 0 });
}

function reusedLayer({ digest, size }: Descriptor): LayerFate {
  return { group: 'base', name: `layer ${digest.slice(0, 19)}`, digest, size, fate: 'reused' };
}

function assemble(request: PushRequest, base: BaseImage, added: readonly LayerFate[]): NewImage {
  const about = request.about(base);
  const listed = request.groups.flatMap(({ name, content }): [string, string][] => {
    const digests = added.filter(({ group }) => group === name).map(({ digest }) => digest);
    return content === undefined
      ? []
      : Object.entries(content.labels).concat([[content.layersLabel, digests.join(',')]]);
  });
  const targets = new Map(request.groups.map(({ name, target }) => [name, target]));
  return append(base, {
    layers: added.map(({ group, digest, size }) => ({
      digest,
      size,
      createdBy: `BundleModelImage: ${group} into ${targets.get(group) ?? ''}`,
    })),
    settings: { ...request.settings, labels: { ...about, ...Object.fromEntries(listed), ...request.settings.labels } },
    annotations: about,
    created: request.created,
  });
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
