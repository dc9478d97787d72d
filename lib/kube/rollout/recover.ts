import { keyOf, titleOfRef } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import { unpack } from '../application/packed.ts';
import type { ApplicationRecord } from '../application/record.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { RolloutReporter } from '../reporter.ts';
import { each } from './each.ts';
import { untilGoneIfDeleted } from './until-gone.ts';

const AT_ONCE = 10;

/** What an earlier run may have written and never finished, by object: as it was before that run. */
export type Leftovers = ReadonlyMap<string, Footprint>;

/** Finds what a run that was killed, or that could not put everything back, has left. */
export function leftoversIn({ unfinished }: ApplicationRecord, reporter: RolloutReporter): Leftovers {
  if (unfinished === undefined) return new Map();
  const footprints = unpack(unfinished.footprints);
  reporter.group(
    `${unfinished.run.name} began at ${unfinished.since} and did not finish; this run goes on from the state before it`,
    footprints.map(({ ref, before }) => `${titleOfRef(ref)} ${before === undefined ? 'was not there' : 'was there'}`),
  );
  return new Map(footprints.map((footprint) => [keyOf(footprint.ref), footprint]));
}

/** Waits for what the earlier run was just deleting: until that is gone, it can be neither written nor put back. */
export async function untilSettled(client: KubeClient, leftovers: Leftovers, signal: AbortSignal): Promise<void> {
  await each([...leftovers.values()], AT_ONCE, ({ ref }) => untilGoneIfDeleted(client, ref, signal));
}

/** A footprint that goes back to before the earlier run, if that wrote the object. */
export function sinceBefore(leftovers: Leftovers, { ref, before, desired }: Footprint): Footprint {
  const left = leftovers.get(keyOf(ref));
  return { ref, before: left === undefined ? before : left.before, desired };
}

/** What the earlier run may have written and this one does not change: it has to be put back first. */
export function orphansOf(leftovers: Leftovers, changed: readonly Footprint[]): readonly Footprint[] {
  const keys = new Set(changed.map(({ ref }) => keyOf(ref)));
  return [...leftovers].filter(([key]) => !keys.has(key)).map(([, footprint]) => footprint);
}
