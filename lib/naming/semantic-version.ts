import semver from 'semver';

// Also `2`, `2.1`, `v2.1.0` and `20261124.3`: what people and pipelines call versions.
const VERSION = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9a-z.-]+))?(?:\+[0-9a-z.-]+)?$/i;

/**
 * Versions as they stand within a name, between `-`, `_`, spaces or its ends: the surest kind first. A number alone counts only
 * where there is nothing better, so that `model-00001-of-00003` in a folder `2.1.0` is of version 2.1.0.
 */
const IN_NAME = [
  /(?<=^|[-_ ])v?\d+\.\d+\.\d+(?:-[0-9a-z.-]+)?(?:\+[0-9a-z.-]+)?(?=$|[_ ])/gi,
  /(?<=^|[-_ ])v?\d+\.\d+\.\d+(?=$|[-_ ])/gi,
  /(?<=^|[-_ ])v\d+(?:\.\d+)?(?=$|[-_ ])/gi,
  /(?<=^|[-_ ])\d+\.\d+(?=$|[-_ ])/g,
  /(?<=^|[-_ ])\d+(?=$|[-_ ])/g,
] as const;

/** What stands behind the name proper: `.pkl`, `.tar.gz`. A part that begins with a digit belongs to a version. */
const EXTENSION = /(?:\.[a-z][a-z0-9]*)?\.(?:gz|bz2|xz|zst|zip)$|\.[a-z][a-z0-9]*$/i;

/** A name as a semantic version; undefined where it is none. Parts that are left out are 0. */
export function semanticVersion(name: string): semver.SemVer | undefined {
  const [whole, major, minor = '0', patch = '0', prerelease] = VERSION.exec(name) ?? [];
  if (whole === undefined) return undefined;
  const release = [major, minor, patch].map(Number).join('.');
  return semver.parse(prerelease === undefined ? release : `${release}-${prerelease}`) ?? undefined;
}

/** Whether a name is a version of three parts, which no build number is by chance. */
export function isFullVersion(name: string): boolean {
  return /^v?\d+\.\d+\.\d+(?![\d.])/.test(name) && semanticVersion(name) !== undefined;
}

/**
 * The version that the path of a file holds: the one nearest to its end, of the surest kind that is there.
 * `models/2.1.0/weights-v3.onnx` is of version 2.1.0.
 */
export function versionInPath(path: string): string | undefined {
  const parts = path
    .split('/')
    .reverse()
    .map((part, index) => (index === 0 ? part.replace(EXTENSION, '') : part));
  for (const kind of IN_NAME) {
    for (const part of parts) {
      const found = part.match(kind)?.at(-1);
      if (found !== undefined && semanticVersion(found) !== undefined) return found;
    }
  }
  return undefined;
}

/**
 * Names with semantic versions, the highest first; those without are left out. Pre-releases come after all releases: who asks for
 * the latest does not mean a candidate, as long as there is anything else.
 */
export function highestFirst(names: Iterable<string>): readonly string[] {
  return [...names]
    .map((name) => ({ name, version: semanticVersion(name) }))
    .filter((named): named is { name: string; version: semver.SemVer } => named.version !== undefined)
    .sort(
      (a, b) =>
        Number(a.version.prerelease.length > 0) - Number(b.version.prerelease.length > 0) ||
        semver.rcompare(a.version, b.version) ||
        (a.name < b.name ? 1 : -1),
    )
    .map(({ name }) => name);
}

/** Whether text is a range such as `^2.1`, `~2`, `>=1 <3` or `*`. */
export function isRange(text: string): boolean {
  return semver.validRange(text) !== null;
}

/** The names whose versions are in a range, the highest first. Pre-releases only where the range itself names one. */
export function inRange(names: Iterable<string>, range: string): readonly string[] {
  return highestFirst(names).filter((name) => {
    const version = semanticVersion(name);
    return version !== undefined && semver.satisfies(version, range);
  });
}
