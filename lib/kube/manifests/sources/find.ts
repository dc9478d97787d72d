import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import picomatch from 'picomatch';
import { DeliveryError } from '../../../errors/delivery-error.ts';

/** What a line of the input `manifests` leads to: a file, or a folder that `kubectl kustomize` renders. */
export interface ManifestPlace {
  readonly kind: 'file' | 'kustomization';
  readonly path: string;
}

const MANIFEST_NAMES = '*.{yaml,yml,json}';
/** By these names kustomize knows its folders (kubectl.docs.kubernetes.io, "kustomization"). */
const KUSTOMIZATIONS = ['kustomization.yaml', 'kustomization.yml', 'Kustomization'];

/**
 * The places that `patterns` name, without repeats, in the order of the patterns, files of one pattern by name. A pattern
 * is a file, a folder (of kustomize, or else its `.yaml`, `.yml` and `.json` files) or a glob; `!pattern` takes files
 * away again. Paths are relative to `root`.
 *
 * @throws DeliveryError `MANIFEST_NOT_FOUND` for a pattern that finds nothing, `MANIFEST_INVALID` for what only a
 *   rendering makes manifests of
 */
export async function findManifests(patterns: readonly string[], root: string): Promise<readonly ManifestPlace[]> {
  const unwanted = patterns
    .filter((pattern) => pattern.startsWith('!'))
    .map((pattern) => picomatch(absolute(pattern.slice(1), root)));
  const isWanted = (path: string): boolean => !unwanted.some((matches) => matches(posix(path)));
  const found = new Map<string, ManifestPlace>();
  for (const pattern of patterns.filter((candidate) => !candidate.startsWith('!'))) {
    const places = await placesOf(absolute(pattern, root), isWanted);
    if (places.length === 0) throw nothingAt(pattern, root);
    for (const place of places) found.set(place.path, place);
  }
  return [...found.values()];
}

type Wanted = (path: string) => boolean;

async function placesOf(pattern: string, isWanted: Wanted): Promise<readonly ManifestPlace[]> {
  // A file may have a name that reads like a pattern; then the file is meant.
  const entry = await stat(pattern).catch(() => undefined);
  if (entry?.isDirectory() === true) return placesIn(resolve(pattern), isWanted);
  if (entry?.isFile() !== true) return (await filesMatching(pattern)).filter(isWanted).map(fileAt);
  const file = resolve(pattern);
  if (!isWanted(file)) return [];
  return KUSTOMIZATIONS.includes(basename(file))
    ? [{ kind: 'kustomization', path: dirname(file) }]
    : [{ kind: 'file', path: file }];
}

async function placesIn(folder: string, isWanted: Wanted): Promise<readonly ManifestPlace[]> {
  const names = await readdir(folder);
  if (KUSTOMIZATIONS.some((name) => names.includes(name))) return [{ kind: 'kustomization', path: folder }];
  if (names.includes('Chart.yaml')) {
    throw new DeliveryError('MANIFEST_INVALID', {
      message: `${folder} is a Helm chart.`,
      remedy: 'Name it in the input chart instead of manifests.',
    });
  }
  return (await filesMatching(`${posix(folder)}/${MANIFEST_NAMES}`)).filter(isWanted).map(fileAt);
}

function fileAt(path: string): ManifestPlace {
  if (!KUSTOMIZATIONS.includes(basename(path))) return { kind: 'file', path };
  throw new DeliveryError('MANIFEST_INVALID', {
    message: `${path} is no manifest, but tells kustomize what to make of those beside it.`,
    remedy: 'Name its folder in manifests, so that it is rendered, or take the file away by a line that begins with !.',
  });
}

async function filesMatching(pattern: string): Promise<readonly string[]> {
  const { base, isGlob } = picomatch.scan(pattern);
  if (!isGlob) return [];
  const matches = picomatch(pattern);
  const entries = await readdir(base, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((candidate) => candidate.isFile() || candidate.isSymbolicLink())
    .map((candidate) => join(candidate.parentPath, candidate.name))
    .filter((file) => matches(posix(file)))
    .sort();
}

/** A path as messages show it: relative to `root` where it is in there. */
export function shownPath(path: string, root: string): string {
  const name = posix(relative(root, path));
  if (name === '') return '.';
  return name.startsWith('..') ? posix(path) : name;
}

function nothingAt(pattern: string, root: string): DeliveryError {
  return new DeliveryError('MANIFEST_NOT_FOUND', {
    message: `No manifest is at ${pattern} (looked in ${root}).`,
    remedy: 'Check the path, and that the job checks out the repository or downloads the artifact that holds it.',
  });
}

function absolute(pattern: string, root: string): string {
  return posix(resolve(root, pattern));
}

function posix(path: string): string {
  return sep === '\\' ? path.replaceAll('\\', '/') : path;
}
