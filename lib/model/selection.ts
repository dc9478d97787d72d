/** Which model of a managed store: a version by its name, or the one that a channel names. */
export interface ManagedSelection {
  readonly layout: 'managed';
  readonly prefix: string;
  readonly model: string;
  readonly by: { readonly version: string } | { readonly channel: string };
}

/** Which blobs of a plain container make up the model. */
export interface PlainSelection {
  readonly layout: 'plain';
  /** What to call the model; undefined: as its container. */
  readonly model: string | undefined;
  /** Names of blobs, or patterns with `*`, `**`, `?`, `[…]` and `{…}`. */
  readonly patterns: readonly string[];
  /** `newest`: of each pattern, the blob that was modified last; `all`: every blob that matches. */
  readonly select: 'newest' | 'all';
}

export type ModelSelection = ManagedSelection | PlainSelection;
