import type { KubeObject } from '../objects.ts';

/** One object of a manifest, and where it stands. */
export interface ManifestObject {
  readonly object: KubeObject;
  /** `manifests/app.yaml:12`: for messages. */
  readonly source: string;
}
