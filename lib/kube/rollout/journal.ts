import { isDeepStrictEqual } from 'node:util';
import { keyOf } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import { pack, unpack } from '../application/packed.ts';
import { currentRevision, withRevision } from '../application/record.ts';
import type { ApplicationRecord, Pending, Revision, Run } from '../application/record.ts';
import type { ObjectRef } from '../client/resource.ts';
import type { ManifestObject } from '../manifests/manifest-object.ts';
import { namedImages } from '../manifests/named-images.ts';

/** The record before the first write: whatever happens from now on, it is known what to put back. */
export function beginning(record: ApplicationRecord, run: Run, footprints: readonly Footprint[]): ApplicationRecord {
  const unfinished = { run, since: new Date().toISOString(), footprints: pack(footprints) };
  // Whatever waited for somebody's word is taken up by this run, or was taken away by it.
  return { ...record, unfinished, pending: undefined };
}

/** The record when the new version stands beside the old one, until somebody promotes or rejects it. */
export function waiting(record: ApplicationRecord, pending: Omit<Pending, 'since'>): ApplicationRecord {
  return { ...record, unfinished: undefined, pending: { ...pending, since: new Date().toISOString() } };
}

/** The record when all that was written is put back again. */
export function undone(record: ApplicationRecord): ApplicationRecord {
  return { ...record, unfinished: undefined, pending: undefined };
}

/** The record when what was written stays although it is not what was wanted. */
export function left(record: ApplicationRecord, written: readonly ObjectRef[]): ApplicationRecord {
  return { ...undone(record), objects: union(record.objects, written) };
}

export interface Completion {
  readonly run: Run;
  readonly manifests: readonly ManifestObject[];
  readonly written: readonly ObjectRef[];
  readonly removed: readonly ObjectRef[];
  /** Whether anything in the cluster had to be changed. */
  readonly changed: boolean;
  /** The revision that was brought back, if one was. */
  readonly restores: number | undefined;
}

/** The record when everything is ready: a new revision, unless everything was so already. */
export function completed(record: ApplicationRecord, completion: Completion): ApplicationRecord {
  const { run, manifests, written, removed, changed, restores } = completion;
  const now = without(left(record, written), removed);
  const current = currentRevision(record);
  if (!changed && current !== undefined && isSame(current, manifests)) return now;
  const images = namedImages(manifests.map(({ object }) => object));
  const revision = { at: new Date().toISOString(), run, images, manifests: pack(manifests) };
  return withRevision(now, restores === undefined ? revision : { ...revision, restores });
}

function isSame(revision: Revision, manifests: readonly ManifestObject[]): boolean {
  const objects = (all: readonly ManifestObject[]): unknown =>
    JSON.parse(JSON.stringify(all.map(({ object }) => object)));
  return isDeepStrictEqual(objects(unpack(revision.manifests)), objects(manifests));
}

function without(record: ApplicationRecord, removed: readonly ObjectRef[]): ApplicationRecord {
  const keys = new Set(removed.map(keyOf));
  return { ...record, objects: record.objects.filter((ref) => !keys.has(keyOf(ref))) };
}

function union(some: readonly ObjectRef[], more: readonly ObjectRef[]): readonly ObjectRef[] {
  return [...new Map([...some, ...more].map((ref) => [keyOf(ref), ref])).values()];
}
