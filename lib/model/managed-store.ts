import type { ManagedLayout } from './layout.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** A container and where in it models are kept. */
export interface ManagedStore {
  readonly store: ObjectStore;
  readonly layout: ManagedLayout;
}

/** A version by its names. */
export interface VersionName {
  readonly model: string;
  readonly version: string;
}
