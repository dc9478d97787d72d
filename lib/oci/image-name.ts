import { DeliveryError } from '../errors/delivery-error.ts';

/** Where an image lives: a registry and a repository of it. */
export interface RepositoryName {
  /** Host and perhaps port, as it stands in image names; Docker Hub is `docker.io`. */
  readonly registry: string;
  readonly repository: string;
}

/** An image by tag or digest; where both are given the digest counts. */
export interface ImageName extends RepositoryName {
  readonly tag: string | undefined;
  readonly digest: string | undefined;
}

// OCI distribution specification 1.1, "Pulling manifests": <name>, <reference>.
const REPOSITORY = /^[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:\.|_|__|-+)[a-z0-9]+)*)*$/;
const TAG = /^\w[\w.-]{0,127}$/;
const DIGEST = /^sha256:[0-9a-f]{64}$/;
const HOST = /^(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?(?:\.[a-z0-9](?:[a-z0-9-]*[a-z0-9])?)*|\[[0-9a-f:]+\])(?::\d{1,5})?$/i;

/**
 * Reads `[registry/]repository[:tag][@digest]` as Docker does: what stands before the first slash is a registry if it
 * looks like a host, else the name is one of Docker Hub.
 *
 * @param ownRegistry the registry of a name that gives none; left out: Docker Hub
 * @throws DeliveryError `IMAGE_NAME_INVALID`, `TAG_INVALID`
 */
export function parseImageName(text: string, ownRegistry?: string): ImageName {
  const [, rest = '', digest] = /^([^@]*)(?:@(.*))?$/s.exec(text) ?? [];
  // A colon after the last slash begins a tag; one before it belongs to the registry's port.
  const [, name = '', tag] = /^(.*?)(?::([^/:]*))?$/s.exec(rest) ?? [];
  if (digest !== undefined && !DIGEST.test(digest)) {
    throw invalid(text, 'its digest is not sha256: and 64 hexadecimal digits');
  }
  return { ...parseRepositoryName(name, ownRegistry), tag: tag === undefined ? undefined : checkTag(tag), digest };
}

/**
 * Reads `[registry/]repository`.
 *
 * @param ownRegistry the registry of a name that gives none; left out: Docker Hub
 * @throws DeliveryError `IMAGE_NAME_INVALID`
 */
export function parseRepositoryName(text: string, ownRegistry = 'docker.io'): RepositoryName {
  const slash = text.indexOf('/');
  const first = slash < 0 ? '' : text.slice(0, slash);
  const hasRegistry = /[.:]/.test(first) || first === 'localhost';
  const registry = normalRegistry(hasRegistry ? first : ownRegistry);
  const path = hasRegistry ? text.slice(slash + 1) : text;
  if (!HOST.test(registry)) throw invalid(text, `"${registry}" is not the host of a registry`);
  if (!REPOSITORY.test(path)) {
    throw invalid(text, 'a repository has small letters, digits, and . _ - / between them, and no tag here');
  }
  const repository = registry === 'docker.io' && !path.includes('/') ? `library/${path}` : path;
  if (registry.length + repository.length + 1 > 255) throw invalid(text, 'it is longer than 255 characters');
  return { registry, repository };
}

/** @throws DeliveryError `TAG_INVALID` */
export function checkTag(tag: string): string {
  if (TAG.test(tag)) return tag;
  throw new DeliveryError('TAG_INVALID', {
    message: `The tag "${tag}" is not valid.`,
    remedy: 'Use up to 128 letters, digits, "_", "." and "-", and do not begin with "." or "-".',
  });
}

/** A name as people and tools write it. */
export function formatRepository({ registry, repository }: RepositoryName): string {
  return `${registry}/${repository}`;
}

/** An image as people and tools write it, by digest where one is known. */
export function formatImage(image: ImageName): string {
  const by = image.digest === undefined ? `:${image.tag ?? 'latest'}` : `@${image.digest}`;
  return formatRepository(image) + by;
}

/** What a registry is asked for: the digest, else the tag, else `latest`. */
export function referenceOf({ tag, digest }: Pick<ImageName, 'tag' | 'digest'>): string {
  return digest ?? tag ?? 'latest';
}

/** The host by which images name a registry, whichever of its hosts is given. */
export function normalRegistry(host: string): string {
  const small = host.toLowerCase();
  return ['index.docker.io', 'registry-1.docker.io', 'registry.hub.docker.com'].includes(small) ? 'docker.io' : small;
}

function invalid(text: string, problem: string): DeliveryError {
  return new DeliveryError('IMAGE_NAME_INVALID', {
    message: `"${text}" is not the name of an image: ${problem}.`,
    remedy: 'Write it as registry.example.com/team/app, for a base image with :tag or @sha256:… at its end.',
  });
}
