import type { Finding } from '../diagnosis/diagnose.ts';
import type { PreviewedChange } from './preview.ts';
import type { Moment } from '../strategies/timeline.ts';

/**
 * How a rollout ended.
 * - `waiting`: the new version stands beside the old one, until somebody promotes or rejects it
 * - `rejected`: the new version failed a check, or somebody rejected it, and the old one serves alone; `inconclusive`:
 *   the same because a check could not be carried out
 * - `deployed`: something was changed and all of it is ready; `unchanged`: all was so already, and is ready
 * - `rolledBack`: an earlier revision is back and all of it is ready
 * - `previewed`: it was only shown what would be changed
 * - `refused`: nothing was written
 * - `restored`: it failed, all is as it was before and healthy; `restoredUnhealthy`: as before, but not healthy;
 *   `removed`: it failed, and nothing of it had been there before
 * - `notRestored`: it failed and not all could be put back; `kept`: it failed and was left as it is, as asked
 */
export type RolloutResult =
  | 'deployed'
  | 'unchanged'
  | 'rolledBack'
  | 'previewed'
  | 'waiting'
  | 'rejected'
  | 'inconclusive'
  | 'refused'
  | 'restored'
  | 'restoredUnhealthy'
  | 'removed'
  | 'notRestored'
  | 'kept';

/** One object of a rollout, for people. */
export interface ReportedObject {
  readonly title: string;
  readonly namespace: string | undefined;
  readonly change: 'created' | 'changed' | 'recreated' | 'unchanged' | 'removed' | 'not written';
  /** `2/2 updated, 2 available`. */
  readonly detail: string;
  readonly ready: boolean;
  readonly readyAfterSeconds: number | undefined;
}

/** Everything there is to tell about a rollout when it is over. */
export interface RolloutReport {
  readonly result: RolloutResult;
  /** Why it failed; undefined if it did not. */
  readonly failure: Error | undefined;
  readonly server: string;
  readonly application: string;
  /** The revision that the application is at now; undefined before its first. */
  readonly revision: number | undefined;
  /** What the containers named before. */
  readonly previousImages: readonly string[];
  /** What the server said before the first write would be changed. */
  readonly changes: readonly PreviewedChange[];
  readonly objects: readonly ReportedObject[];
  readonly addresses: readonly string[];
  readonly imageDigests: readonly string[];
  readonly findings: readonly Finding[];
  /** What happened when. */
  readonly timeline: readonly Moment[];
  readonly durationSeconds: number;
}
