import type { KubeObject } from '../objects.ts';

const CONTAINER_LISTS = ['containers', 'initContainers', 'ephemeralContainers'];

/** The images that containers of the objects name, wherever a kind keeps its containers; each once, in their order. */
export function namedImages(objects: readonly KubeObject[]): readonly string[] {
  return [...new Set(objects.flatMap((object) => imagesIn(object.spec)))];
}

function imagesIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(imagesIn);
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, child]: [string, unknown]) =>
    CONTAINER_LISTS.includes(key) && Array.isArray(child) ? child.flatMap(imageOf) : imagesIn(child),
  );
}

function imageOf(container: unknown): readonly string[] {
  const { image } = (container ?? {}) as { readonly image?: unknown };
  return typeof image === 'string' ? [image] : [];
}
