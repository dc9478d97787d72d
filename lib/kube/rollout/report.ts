import type { Finding } from '../diagnosis/diagnose.ts';

/**
 * How a rollout ended.
 * - `deployed`: something was changed and all of it is ready; `unchanged`: all was so already, and is ready
 * - `refused`: nothing was written
 * - `restored`: it failed, all is as it was before and healthy; `restoredUnhealthy`: as before, but not healthy;
 *   `removed`: it failed, and nothing of it had been there before
 * - `notRestored`: it failed and not all could be put back; `kept`: it failed and was left as it is, as asked
 */
export type RolloutResult =
  'deployed' | 'unchanged' | 'refused' | 'restored' | 'restoredUnhealthy' | 'removed' | 'notRestored' | 'kept';

/** One object of a rollout, for people. */
export interface ReportedObject {
  readonly title: string;
  readonly namespace: string | undefined;
  readonly change: 'created' | 'changed' | 'unchanged' | 'not written';
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
  readonly objects: readonly ReportedObject[];
  readonly addresses: readonly string[];
  readonly imageDigests: readonly string[];
  readonly findings: readonly Finding[];
  readonly durationSeconds: number;
}
