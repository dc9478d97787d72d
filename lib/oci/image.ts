/** Points at a blob or manifest by its digest (OCI image specification, "Content Descriptors"). Fields not named here are kept. */
export interface Descriptor {
  readonly mediaType: string;
  readonly digest: string;
  /** In bytes. */
  readonly size: number;
  readonly platform?: Platform;
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

export interface Platform {
  readonly os: string;
  readonly architecture: string;
  readonly variant?: string;
  readonly [other: string]: unknown;
}

/** An image manifest; fields not named here are kept. */
export interface Manifest {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly config: Descriptor;
  readonly layers: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

/** A list of manifests, one a platform; fields not named here are kept. */
export interface Index {
  readonly schemaVersion: 2;
  readonly mediaType?: string;
  readonly manifests: readonly Descriptor[];
  readonly annotations?: Readonly<Record<string, string>>;
  readonly [other: string]: unknown;
}

/** An image's configuration (OCI image specification, "Image Configuration"); fields not named here are kept. */
export interface ImageConfig {
  readonly architecture: string;
  readonly os: string;
  readonly variant?: string;
  readonly created?: string;
  readonly config?: RunConfig | null;
  readonly rootfs: { readonly type: 'layers'; readonly diff_ids: readonly string[] };
  readonly history?: readonly HistoryEntry[] | null;
  readonly [other: string]: unknown;
}

/** How containers of the image run. */
export interface RunConfig {
  readonly User?: string;
  readonly ExposedPorts?: Readonly<Record<string, object>> | null;
  readonly Env?: readonly string[] | null;
  readonly Entrypoint?: readonly string[] | null;
  readonly Cmd?: readonly string[] | null;
  readonly WorkingDir?: string;
  readonly StopSignal?: string;
  readonly Healthcheck?: HealthCheck;
  readonly Labels?: Readonly<Record<string, string>> | null;
  readonly [other: string]: unknown;
}

/** How the Docker engine asks whether a container is well; times are in nanoseconds. Kubernetes has probes instead. */
export interface HealthCheck {
  readonly Test: readonly string[];
  readonly Interval?: number;
  readonly Timeout?: number;
  readonly StartPeriod?: number;
  readonly Retries?: number;
}

export interface HistoryEntry {
  readonly created?: string;
  readonly created_by?: string;
  readonly empty_layer?: boolean;
  readonly [other: string]: unknown;
}

/** A platform as people write it, such as `linux/arm64/v8`. */
export function formatPlatform({ os, architecture, variant }: Platform): string {
  return variant === undefined || variant === '' ? `${os}/${architecture}` : `${os}/${architecture}/${variant}`;
}

/** The bytes of a document as registries keep them: always the same for the same content. */
export function encodeDocument(document: Manifest | Index | ImageConfig): Buffer {
  return Buffer.from(JSON.stringify(document));
}
