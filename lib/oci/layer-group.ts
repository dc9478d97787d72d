import type { Compression } from '../packing/compression.ts';
import type { Layer } from '../packing/layer.ts';
import type { LayerIdentity } from '../packing/layer-digest.ts';
import type { LayerFile } from '../packing/read-layer.ts';
import type { ContentLabels, EarlierImages, EarlierLayer } from './earlier-images.ts';
import { identifyLayer } from './identify-layer.ts';
import { compressedInMemory, layerSource, type PackedLayer } from './layer-source.ts';
import type { WantedLayer } from './transfer-layers.ts';

/** Layers that belong together: the app's, or the model's. */
export interface LayerGroup {
  /** Such as `model`. */
  readonly name: string;
  /** Where they go, such as `/model`. */
  readonly target: string;
  readonly layers: readonly Layer<LayerFile>[];
  readonly compression: Compression;
  /** Their identities before compression, where they are known beforehand. */
  readonly known?: readonly LayerIdentity[] | undefined;
  /** The files are on this machine: to hash them first costs less than to send what is there already. */
  readonly local: boolean;
  /** The labels by which images name this content. */
  readonly content?: ContentLabels | undefined;
}

/** What planning looks at. */
export interface PlanContext {
  /** Undefined: none is worth a look. */
  readonly earlier: EarlierImages | undefined;
  /** Repositories of the registry that may have the layers. */
  readonly mountFrom: readonly string[];
  readonly signal: AbortSignal;
}

/** A local layer up to this size, in bytes, is compressed in memory: what the registry then turns out to have is not sent. */
const SMALL = 32 * 1024 * 1024;
/** Up to this size, in bytes, that takes less time than to look at earlier images. */
const TINY = 1024 * 1024;

/**
 * Learns as much of a group's layers as can be had without sending them. Uncompressed ones are known by the digest of
 * their content, where that is known; compressed ones, and those whose content is known only by name, by an image made before.
 */
export async function wantedLayers(group: LayerGroup, context: PlanContext): Promise<readonly WantedLayer[]> {
  const { layers, compression } = group;
  const contents = await contentsOf(group, context.signal);
  const isTold = contents !== undefined && (compression === 'none' || isTiny(group));
  const earlier = isTold ? [] : await earlierLayers(group, contents, context.earlier);
  const wanted: WantedLayer[] = [];
  for (const [index, layer] of layers.entries()) {
    const packed = { name: nameOf(group, index), layer, compression, diffId: contents?.[index]?.digest };
    wanted.push(await wantedLayer(group, packed, earlier[index], context));
  }
  return wanted;
}

function isTiny({ local, layers }: LayerGroup): boolean {
  return local && layers.every(({ size }) => size <= TINY);
}

/** The identities of a group's layers before compression; undefined where only reading a store would tell. */
async function contentsOf(
  { layers, known, local }: LayerGroup,
  signal: AbortSignal,
): Promise<readonly LayerIdentity[] | undefined> {
  if (known !== undefined && fits(known, layers)) return known;
  if (!local) return undefined;
  const identities: LayerIdentity[] = [];
  for (const layer of layers) identities.push(await identifyLayer(layer, signal));
  return identities;
}

/** Whether identities can be those of these layers: their number and sizes are known from the plan. */
function fits(identities: readonly LayerIdentity[], layers: readonly Layer<LayerFile>[]): boolean {
  return identities.length === layers.length && layers.every(({ size }, index) => identities[index]?.size === size);
}

async function earlierLayers(
  { layers, compression, content }: LayerGroup,
  contents: readonly LayerIdentity[] | undefined,
  earlier: EarlierImages | undefined,
): Promise<readonly (EarlierLayer | undefined)[]> {
  if (earlier === undefined) return [];
  if (contents !== undefined) {
    return Promise.all(contents.map(({ digest }) => earlier.byDiffId(digest, compression)));
  }
  const found = (content && (await earlier.byContent(content, compression))) ?? [];
  const plausible = found.length === layers.length && (compression !== 'none' || fits(found, layers));
  return plausible ? found : [];
}

async function wantedLayer(
  { name: group, local }: LayerGroup,
  packed: PackedLayer,
  earlier: EarlierLayer | undefined,
  { mountFrom, signal }: PlanContext,
): Promise<WantedLayer> {
  const { layer, compression, diffId } = packed;
  const plan = { group, compression, volume: layer.size, mountFrom };
  if (compression !== 'none' && local && earlier === undefined && layer.size <= SMALL) {
    const source = await compressedInMemory(packed, signal);
    return { ...plan, source, known: source, volume: source.size, diffId: () => source.diffId() };
  }
  const source = layerSource(packed);
  if (earlier !== undefined) {
    const found = { known: earlier, hint: true, mountFrom: [earlier.repository, ...mountFrom] };
    return { ...plan, source, ...found, diffId: () => source.diffId() ?? earlier.diffId };
  }
  const known = compression === 'none' && diffId !== undefined ? { digest: diffId, size: layer.size } : undefined;
  return { ...plan, source, known, diffId: () => source.diffId() };
}

function nameOf({ name, layers }: LayerGroup, index: number): string {
  const files = layers[index]?.files ?? [];
  const [first] = files;
  const what = files.length === 1 && first !== undefined ? first.path : `${files.length} files`;
  return layers.length === 1
    ? `the ${name} layer (${what})`
    : `${name} layer ${index + 1} of ${layers.length} (${what})`;
}
