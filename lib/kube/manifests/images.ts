import { DeliveryError } from '../../errors/delivery-error.ts';
import type { KubeObject } from '../objects.ts';
import { isFor, replaceAt } from './image-paths.ts';
import type { ImagePath } from './image-paths.ts';
import type { ManifestObject } from './manifest-object.ts';

/** Puts `image` where a manifest names an image of `repository`. */
export interface ImageSubstitution {
  /** The line as the user wrote it: for messages. */
  readonly line: string;
  /** Whole repository name, such as `docker.io/library/nginx`. */
  readonly repository: string;
  readonly image: string;
}

const CONTAINER_LISTS = ['containers', 'initContainers', 'ephemeralContainers'];
/** Reference grammar of the OCI distribution specification: [host[:port]/]path[:tag][@digest]. */
const REFERENCE =
  /^(?:(?=[^:/]{1,253}(?::\d+)?\/)[A-Za-z0-9.-]+(?::\d+)?\/)?[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*(?:\/[a-z0-9]+(?:(?:[._]|__|-+)[a-z0-9]+)*)*(?::\w[\w.-]{0,127})?(?:@[a-z0-9]+(?:[+._-][a-z0-9]+)*:[0-9a-fA-F]{32,})?$/;

/**
 * Reads the lines of the input `images`: each is `name=replacement`, or an image whose repository is the name.
 *
 * @throws DeliveryError `IMAGE_NAME_INVALID`
 */
export function readSubstitutions(lines: readonly string[]): readonly ImageSubstitution[] {
  const substitutions = lines.map((line) => {
    const equals = line.indexOf('=');
    const name = equals < 0 ? line : line.slice(0, equals).trim();
    const image = equals < 0 ? line : line.slice(equals + 1).trim();
    for (const part of [name, image]) if (!REFERENCE.test(part)) throw notAnImage(`The input images has "${part}"`);
    return { line, repository: repositoryOf(name), image };
  });
  const twice = substitutions.find(
    (one, at) => substitutions.findIndex((other) => other.repository === one.repository) < at,
  );
  if (twice !== undefined) {
    throw new DeliveryError('IMAGE_NAME_INVALID', {
      message: `The input images names ${twice.repository} twice.`,
      remedy: 'Keep one of the two lines.',
    });
  }
  return substitutions;
}

/** What a substitution came to. */
export interface Substituted {
  readonly objects: readonly ManifestObject[];
  /** Substitutions that matched nothing. */
  readonly unmatched: readonly ImageSubstitution[];
  /** Paths that led to no text in any object. */
  readonly deadPaths: readonly ImagePath[];
}

/**
 * Substitutes images in all containers, init containers and ephemeral containers, wherever a kind keeps them (a Pod,
 * a pod template, the job template of a CronJob, a custom resource), and where `paths` lead.
 *
 * @throws DeliveryError `IMAGE_NAME_INVALID` if there is left what cannot be an image
 */
export function substituteImages(
  objects: readonly ManifestObject[],
  substitutions: readonly ImageSubstitution[],
  paths: readonly ImagePath[] = [],
): Substituted {
  const matched = new Set<ImageSubstitution>();
  const used = new Set<ImagePath>();
  const replace = (image: string, source: string): string => {
    const substitution = substitutions.find((candidate) => candidate.repository === repositoryOf(image));
    if (substitution !== undefined) matched.add(substitution);
    const result = substitution?.image ?? image;
    if (!REFERENCE.test(result)) throw notAnImage(`${source} has "${result}"`);
    return result;
  };
  const alongPath = (content: unknown, path: ImagePath, source: string): unknown =>
    replaceAt(content, path.steps, (image) => {
      used.add(path);
      return replace(image, source);
    });
  return {
    objects: objects.map(({ object, source }) => {
      const { metadata, ...content } = object;
      const inContainers = rewrite(content, (image) => replace(image, source));
      const everywhere = paths
        .filter((path) => isFor(path, object))
        .reduce((rewritten, path) => alongPath(rewritten, path, source), inContainers);
      return { object: { ...(everywhere as object), metadata } as unknown as KubeObject, source };
    }),
    unmatched: substitutions.filter((substitution) => !matched.has(substitution)),
    deadPaths: paths.filter((path) => !used.has(path)),
  };
}

/** The repository of an image with the defaults of Docker Hub written out, so that two spellings compare equal. */
export function repositoryOf(image: string): string {
  const name = image.replace(/@[^@]*$/, '').replace(/:[\w.-]*$/, '');
  const [host = '', ...path] = name.split('/');
  const hasHost = path.length > 0 && (/[.:]/.test(host) || host === 'localhost');
  if (!hasHost) return `docker.io/${path.length === 0 ? `library/${name}` : name}`;
  if (host === 'index.docker.io' || host === 'docker.io') {
    return `docker.io/${path.length === 1 ? 'library/' : ''}${path.join('/')}`;
  }
  return name;
}

function rewrite(value: unknown, replace: (image: string) => string): unknown {
  if (Array.isArray(value)) return value.map((item) => rewrite(item, replace));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]: [string, unknown]) => [
      key,
      CONTAINER_LISTS.includes(key) && Array.isArray(child)
        ? child.map((container: unknown) => rewriteContainer(container, replace))
        : rewrite(child, replace),
    ]),
  );
}

function rewriteContainer(container: unknown, replace: (image: string) => string): unknown {
  if (typeof container !== 'object' || container === null) return container;
  const { image } = container as { readonly image?: unknown };
  return typeof image === 'string' ? { ...container, image: replace(image) } : container;
}

function notAnImage(problem: string): DeliveryError {
  return new DeliveryError('IMAGE_NAME_INVALID', {
    message: `${problem}, which is no image name.`,
    remedy: 'Write registry/repository:tag or registry/repository@sha256:…; check for a variable that is not set.',
  });
}
