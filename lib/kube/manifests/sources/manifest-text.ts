/** A text with manifests that is still to be parsed. */
export interface ManifestText {
  /** Where it comes from, for messages: a path, a URL without what is secret in it, a chart. */
  readonly name: string;
  readonly text: string;
  /** Whether it is the user's own file, whose tokens are replaced: a text from elsewhere must not ask for variables. */
  readonly own: boolean;
}

/** Larger texts are not manifests: etcd keeps no object above 1.5 MiB. In bytes. */
export const TEXT_LIMIT = 16 * 1024 * 1024;
