import type { ImageSubject } from './subject.ts';

/** What names a package in a package URL (purl specification, "A purl is a URL composed of seven components"). */
export interface PackageUrlParts {
  /** The kind of package, such as `pypi`. */
  readonly type: string;
  /** Such as the scope of an npm package, with its `@`. */
  readonly namespace?: string | undefined;
  readonly name: string;
  readonly version: string;
  readonly qualifiers?: Readonly<Record<string, string>> | undefined;
}

/** A package URL, by which scanners know a package: `pkg:pypi/numpy@1.26.4`. */
export function packageUrl({ type, namespace, name, version, qualifiers = {} }: PackageUrlParts): string {
  const path = [type, ...(namespace === undefined ? [] : [escape(namespace)]), escape(nameOf(type, name))].join('/');
  const query = Object.entries(qualifiers)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([key, value]) => `${key}=${escape(value).replaceAll('%2F', '/')}`)
    .join('&');
  return `pkg:${path}@${escape(version)}${query === '' ? '' : `?${query}`}`;
}

/** The package URL of an image, known by its digest wherever it is; undefined for one that is in no repository. */
export function imageUrl({ name, digest }: ImageSubject): string | undefined {
  const [, repository, tag] = /^([^\s/]+\/[^\s]*?)(?::([^/:@]*))?(?:@.*)?$/.exec(name) ?? [];
  if (repository === undefined) return undefined;
  return packageUrl({
    type: 'oci',
    name: repository.slice(repository.lastIndexOf('/') + 1).toLowerCase(),
    version: digest,
    qualifiers: { repository_url: repository, ...(tag === undefined ? {} : { tag }) },
  });
}

/** PyPI takes `Typing_Extensions` and `typing-extensions` for one; purls know only the second (purl types, "pypi"). */
function nameOf(type: string, name: string): string {
  return type === 'pypi' ? name.toLowerCase().replaceAll('_', '-') : name;
}

/** Percent-encodes all but letters, digits and `. - _ ~`. */
function escape(text: string): string {
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (character) => `%${character.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}
