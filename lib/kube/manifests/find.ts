import { readdir, readFile, stat } from 'node:fs/promises';
import { join, relative, resolve, sep } from 'node:path';
import picomatch from 'picomatch';
import { DeliveryError } from '../../errors/delivery-error.ts';
import type { ManifestObject } from './manifest-object.ts';
import { parseManifest } from './parse.ts';

/** Larger files are not manifests: etcd keeps no object above 1.5 MiB. */
const MAX_FILE_BYTES = 16 * 1024 * 1024;
const MANIFEST_NAMES = '*.{yaml,yml,json}';

/**
 * Reads the objects of all manifests that `patterns` name, in the order of the patterns, files of one pattern by
 * name. A pattern is a file, a folder (its `.yaml`, `.yml` and `.json` files) or a glob; `!pattern` takes files away
 * again. Paths are relative to `root`.
 *
 * @throws DeliveryError `MANIFEST_NOT_FOUND` for a pattern that finds nothing, `MANIFEST_INVALID`
 */
export async function loadManifests(patterns: readonly string[], root: string): Promise<readonly ManifestObject[]> {
  const files = await findManifests(patterns, root);
  const objects = (await Promise.all(files.map((file) => readManifest(file, root)))).flat();
  if (objects.length === 0) {
    throw new DeliveryError('MANIFEST_INVALID', {
      message: `There is no object in ${files.map((file) => nameOf(file, root)).join(', ')}.`,
      remedy: 'Check that the manifests are not empty.',
    });
  }
  return objects;
}

/** The manifest files that `patterns` name, without repeats. */
export async function findManifests(patterns: readonly string[], root: string): Promise<readonly string[]> {
  const unwanted = patterns
    .filter((pattern) => pattern.startsWith('!'))
    .map((pattern) => picomatch(absolute(pattern.slice(1), root)));
  const found = new Set<string>();
  for (const pattern of patterns.filter((candidate) => !candidate.startsWith('!'))) {
    const files = (await filesOf(absolute(pattern, root))).filter(
      (file) => !unwanted.some((matches) => matches(posix(file))),
    );
    if (files.length === 0) {
      throw new DeliveryError('MANIFEST_NOT_FOUND', {
        message: `No manifest is at ${pattern} (looked in ${root}).`,
        remedy: 'Check the path, and that the job checks out the repository or downloads the artifact that holds it.',
      });
    }
    for (const file of files) found.add(file);
  }
  return [...found];
}

async function filesOf(pattern: string): Promise<readonly string[]> {
  const { base, isGlob } = picomatch.scan(pattern);
  // A file may have a name that reads like a pattern; then the file is meant.
  const entry = await stat(pattern).catch(() => undefined);
  if (entry?.isFile() === true) return [resolve(pattern)];
  if (entry?.isDirectory() === true) return filesOf(`${pattern.replace(/\/$/, '')}/${MANIFEST_NAMES}`);
  if (!isGlob) return [];
  const matches = picomatch(pattern);
  const entries = await readdir(base, { recursive: true, withFileTypes: true }).catch(() => []);
  return entries
    .filter((candidate) => candidate.isFile() || candidate.isSymbolicLink())
    .map((candidate) => join(candidate.parentPath, candidate.name))
    .filter((file) => matches(posix(file)))
    .sort();
}

async function readManifest(file: string, root: string): Promise<readonly ManifestObject[]> {
  const name = nameOf(file, root);
  const { size } = await stat(file);
  if (size > MAX_FILE_BYTES) {
    throw new DeliveryError('MANIFEST_INVALID', {
      message: `${name} has ${Math.round(size / 1e6)} MB, too much for a manifest.`,
      remedy: 'Name the manifests only, for example manifests/*.yaml.',
    });
  }
  return parseManifest(name, await readFile(file, 'utf8'));
}

function absolute(pattern: string, root: string): string {
  return posix(resolve(root, pattern));
}

function posix(path: string): string {
  return sep === '\\' ? path.replaceAll('\\', '/') : path;
}

function nameOf(file: string, root: string): string {
  const name = posix(relative(root, file));
  return name.startsWith('..') ? posix(file) : name;
}
