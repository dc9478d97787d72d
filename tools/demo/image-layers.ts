// What two images have in common, read from the registry itself.

interface Manifest {
  readonly layers: readonly Layer[];
}

/** A layer as an image's manifest names it. */
export interface Layer {
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
}

/** Layers of an image, `host/repository@sha256:…`, from the base upwards. */
export async function layersOf(image: string): Promise<readonly Layer[]> {
  const [, host = '', repository = '', digest = ''] = /^([^/]+)\/(.+)@(.+)$/.exec(image) ?? [];
  const response = await fetch(`http://${host}/v2/${repository}/manifests/${digest}`, {
    headers: {
      accept: 'application/vnd.oci.image.manifest.v1+json, application/vnd.docker.distribution.manifest.v2+json',
    },
    signal: AbortSignal.timeout(5000),
  });
  if (!response.ok) throw new Error(`The registry answered ${response.status} when asked for ${image}.`);
  return ((await response.json()) as Manifest).layers;
}

/** Layers of `image` that `other` does not have. */
export function layersOnlyIn(image: readonly Layer[], other: readonly Layer[]): readonly Layer[] {
  return image.filter(({ digest }) => !other.some((layer) => layer.digest === digest));
}

export function bytesOf(layers: readonly Layer[]): number {
  return layers.reduce((sum, { size }) => sum + size, 0);
}
