/** By what the newest image of a repository is told. */
export type ImageOrder =
  /** By `pushed` in Azure Container Registry, else by `created`. */
  | 'auto'
  /** When its tag was last pushed, as Azure Container Registry keeps account of it. */
  | 'pushed'
  /** The creation time in its configuration. */
  | 'created'
  /** The semantic version that is its tag. */
  | 'version';

/** What an image must be like. */
export interface ImageFilter {
  /** Patterns of tags, of which one must match; none: any tag. */
  readonly tags: readonly string[];
  /** Patterns of tags that do not count. */
  readonly excludeTags: readonly string[];
  /** A platform that it must be there for, such as `linux/arm64`. */
  readonly platform: string | undefined;
  /** Labels that it must have, with these values. */
  readonly labels: Readonly<Record<string, string>>;
}

/** Which image of a repository is wanted: the newest that meets a filter, or the one that a tag names now. */
export type WantedImage =
  | { readonly by: ImageOrder; readonly filter: ImageFilter }
  | { readonly by: 'tag'; readonly tag: string; readonly filter: ImageFilter };
