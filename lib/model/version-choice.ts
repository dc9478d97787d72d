import semver from 'semver';
import { readDeprecation } from './deprecation.ts';
import type { ManagedStore } from './managed-store.ts';
import { checkName, versionOrMade } from './names.ts';

/** The part of a semantic version that a bump raises. */
export type Bump = 'major' | 'minor' | 'patch';

/** A version that comes out of what there is. */
export type MadeVersion =
  /** The newest semantic version in the store, with one part raised. */
  | { readonly by: 'bump'; readonly part: Bump }
  /** The first 12 digits of the content's digest: the same content is always the same version. */
  | { readonly by: 'digest' };

/**
 * What the input `version` means; left out, the run's number.
 *
 * @throws DeliveryError `NAME_INVALID`
 */
export function versionChoice(given: string | undefined, runNumber: string | undefined): string | MadeVersion {
  if (given === 'major' || given === 'minor' || given === 'patch') return { by: 'bump', part: given };
  if (given === 'digest') return { by: 'digest' };
  return checkName('version', versionOrMade(given, runNumber));
}

/** The version that a model's digest gives. */
export function versionOfDigest(digest: string): string {
  return digest.slice('sha256:'.length, 'sha256:'.length + 12);
}

/** The next semantic version of a model: the newest one with a part raised; where there is none, the first of its kind. */
export async function nextVersion(
  managed: ManagedStore,
  model: string,
  part: Bump,
  signal: AbortSignal,
): Promise<string> {
  const newest = await newestSemantic(managed, model, signal);
  const { v, plain } = newest === undefined ? { v: '', plain: '0.0.0' } : partsOf(newest);
  return `${v}${semver.inc(plain, part) ?? plain}`;
}

/** The highest semantic version that is there, or was until it was pruned. What an unfinished attempt has left does not count. */
async function newestSemantic(
  { store, layout }: ManagedStore,
  model: string,
  signal: AbortSignal,
): Promise<string | undefined> {
  const names: string[] = [];
  for await (const name of store.listFolders(layout.versions(model), signal)) {
    if (semver.valid(name) !== null) names.push(name);
  }
  for (const version of names.sort(semver.rcompare)) {
    if ((await store.read(layout.manifest(model, version), signal)) !== undefined) return version;
    const said = await readDeprecation({ store, layout }, { model, version }, signal);
    if (said?.pruned !== undefined) return version;
  }
  return undefined;
}

/** Whoever writes `v1.2.3` goes on so. */
function partsOf(version: string): { readonly v: string; readonly plain: string } {
  return { v: version.startsWith('v') ? 'v' : '', plain: semver.valid(version) ?? version };
}
