import { readFile, stat } from 'node:fs/promises';
import { DeliveryError } from '../../errors/delivery-error.ts';
import { readImagePaths } from './image-paths.ts';
import { readSubstitutions, substituteImages } from './images.ts';
import type { ManifestObject } from './manifest-object.ts';
import { parseManifest } from './parse.ts';
import { downloadManifest, isAddress } from './sources/download.ts';
import type { DownloadContext } from './sources/download.ts';
import { findManifests, shownPath } from './sources/find.ts';
import type { ManifestPlace } from './sources/find.ts';
import { renderChart } from './sources/helm.ts';
import type { Chart } from './sources/helm.ts';
import { withoutHooks } from './sources/helm-hooks.ts';
import { renderKustomization } from './sources/kustomize.ts';
import { TEXT_LIMIT } from './sources/manifest-text.ts';
import type { ManifestText } from './sources/manifest-text.ts';
import type { RenderingContext } from './sources/rendering-program.ts';
import type { TokenValues } from './tokens.ts';

/** Which manifests, and what is put into them. */
export interface ManifestSelection {
  /** Files, folders, globs and https addresses; paths are relative to `root`. */
  readonly manifests: readonly string[];
  readonly root: string;
  readonly chart: Chart | undefined;
  /** Values for the tokens of the user's own files; undefined: tokens are left as they stand. */
  readonly tokens: TokenValues | undefined;
  /** `name=image`, or an image that takes the place of others of its repository. */
  readonly images: readonly string[];
  /** `Kind: $.path`, where custom resources keep images besides containers. */
  readonly imagePaths: readonly string[];
}

export interface CollectContext extends DownloadContext, RenderingContext {
  /** Told what the user should see: an image that no container uses, a hook that is not run. */
  readonly warn: (text: string) => void;
}

/**
 * Reads, downloads and renders the manifests of a rollout, and puts the wanted images into them.
 *
 * @throws DeliveryError `MANIFEST_NOT_FOUND`, `MANIFEST_INVALID`, `TOKEN_MISSING`, `IMAGE_NAME_INVALID`,
 *   `IMAGE_PATH_INVALID`, and those of downloading and rendering
 */
export async function collectManifests(
  selection: ManifestSelection,
  context: CollectContext,
): Promise<readonly ManifestObject[]> {
  const substitutions = readSubstitutions(selection.images);
  const paths = readImagePaths(selection.imagePaths);
  const loaded = [...(await loadManifests(selection, context)), ...(await loadChart(selection, context))];
  const { objects, unmatched, deadPaths } = substituteImages(loaded, substitutions, paths);
  for (const { line, repository } of unmatched) {
    context.warn(`The image ${line} changes nothing: no container of the manifests uses ${repository}.`);
  }
  for (const { line } of deadPaths) context.warn(`The image path ${line} leads to no image in the manifests.`);
  return objects;
}

async function loadManifests(
  { manifests, root, tokens }: ManifestSelection,
  context: CollectContext,
): Promise<readonly ManifestObject[]> {
  const addresses = manifests.filter(isAddress);
  const places = await findManifests(
    manifests.filter((line) => !isAddress(line)),
    root,
  );
  const texts = await Promise.all([
    ...places.map((place) => textOf(place, root, context)),
    ...addresses.map((address) => downloadManifest(address, context)),
  ]);
  const objects = texts.flatMap(({ name, text, own }) => parseManifest(name, text, own ? tokens : undefined));
  if (objects.length === 0 && texts.length > 0) throw empty(texts.map(({ name }) => name));
  return objects;
}

async function loadChart(
  { chart, root }: ManifestSelection,
  context: CollectContext,
): Promise<readonly ManifestObject[]> {
  if (chart === undefined) return [];
  const { name, text } = await renderChart(chart, root, context);
  const { objects, notRun } = withoutHooks(parseManifest(name, text));
  if (notRun.length > 0) {
    context.warn(
      `Hooks of the chart ${chart.chart} are not run: ${notRun.join(', ')}. Run what they do in a step before.`,
    );
  }
  if (objects.length === 0) throw empty([name]);
  return objects;
}

async function textOf({ kind, path }: ManifestPlace, root: string, context: RenderingContext): Promise<ManifestText> {
  const name = shownPath(path, root);
  if (kind === 'kustomization') return renderKustomization(path, name, context);
  const { size } = await stat(path);
  if (size <= TEXT_LIMIT) return { name, text: await readFile(path, 'utf8'), own: true };
  throw new DeliveryError('MANIFEST_INVALID', {
    message: `${name} has ${Math.round(size / 1e6)} MB, too much for a manifest.`,
    remedy: 'Name the manifests only, for example manifests/*.yaml.',
  });
}

function empty(names: readonly string[]): DeliveryError {
  return new DeliveryError('MANIFEST_INVALID', {
    message: `There is no object in ${names.join(', ')}.`,
    remedy: 'Check that the manifests are not empty.',
  });
}
