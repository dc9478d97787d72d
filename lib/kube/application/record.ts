import type { ObjectRef } from '../client/resource.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import type { Footprint } from './footprint.ts';
import type { Packed } from './packed.ts';

/** The pipeline run that did something, for people. */
export interface Run {
  /** `shop 20261125.3, job Deploy`. */
  readonly name: string;
  readonly url: string | undefined;
  /** The commit that it ran for. */
  readonly commit?: string | undefined;
}

/** One state of the application that was rolled out and became ready. */
export interface Revision {
  /** Counted from 1, never used twice. */
  readonly number: number;
  /** When it was ready (ISO 8601). */
  readonly at: string;
  readonly run: Run;
  readonly images: readonly string[];
  /** The revision that this one brought back. */
  readonly restores?: number;
  /** The objects as they were applied. */
  readonly manifests: Packed<readonly ManifestObject[]>;
}

/** A run that has begun to write. It is gone once the run has finished or put everything back. */
export interface Unfinished {
  readonly run: Run;
  readonly since: string;
  readonly footprints: Packed<readonly Footprint[]>;
}

/** A rollout that stands half-way on purpose, until somebody promotes or rejects it. */
export interface Pending {
  readonly strategy: string;
  readonly run: Run;
  readonly since: string;
  /** What the application will be once it is promoted. */
  readonly manifests: Packed<readonly ManifestObject[]>;
  /** Every object that was written on the way, as it was before: what rejecting puts back. */
  readonly footprints: Packed<readonly Footprint[]>;
  /** What the strategy has to know to go on. */
  readonly state: Readonly<Record<string, unknown>>;
}

/** What the cluster knows about an application. */
export interface ApplicationRecord {
  /** Every object that was applied and not removed since: what prune chooses from. */
  readonly objects: readonly ObjectRef[];
  /** Oldest first; the last one is what was rolled out last. */
  readonly revisions: readonly Revision[];
  readonly unfinished: Unfinished | undefined;
  readonly pending: Pending | undefined;
}

export const NO_RECORD: ApplicationRecord = { objects: [], revisions: [], unfinished: undefined, pending: undefined };

/** So many revisions are kept to go back to. */
const KEPT_REVISIONS = 10;

/** What was rolled out last. */
export function currentRevision({ revisions }: ApplicationRecord): Revision | undefined {
  return revisions.at(-1);
}

/** The record with one revision more. The number is given; the oldest revisions go. */
export function withRevision(record: ApplicationRecord, revision: Omit<Revision, 'number'>): ApplicationRecord {
  const number = (currentRevision(record)?.number ?? 0) + 1;
  return { ...record, revisions: [...record.revisions, { ...revision, number }].slice(-KEPT_REVISIONS) };
}
