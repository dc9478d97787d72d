/** Something that a pickle imports, such as `os` `system`. */
export interface Imported {
  readonly kind: 'import';
  readonly module: string;
  readonly name: string;
}

/** What comes of calling something with arguments; BUILD gives it a state. */
export interface Made {
  readonly kind: 'made';
  readonly of: Value;
  readonly args: Value;
  state: Value;
}

/** An object by names; only so many entries are remembered. */
export interface Table {
  readonly kind: 'table';
  readonly entries: Map<string, Value>;
}

/**
 * What the scanner knows of a value on a pickle's stack. It follows only what can decide what is imported and called; all else is
 * `other`, one and the same value, so that memory does not grow with the model.
 */
export type Value =
  | Imported
  | Made
  | Table
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'number'; readonly number: number }
  | { readonly kind: 'tuple'; readonly items: readonly Value[] }
  | { readonly kind: 'computed' }
  | { readonly kind: 'other' };

export const OTHER: Value = { kind: 'other' };
/** An import whose name is made while loading. */
export const COMPUTED: Value = { kind: 'computed' };

/** Longer texts are no names of anything. */
export const LONGEST_TEXT = 1024;
/** More items than this nobody looks at. */
export const MOST_ITEMS = 64;
