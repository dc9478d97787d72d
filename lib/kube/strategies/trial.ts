import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import type { Pod } from '../objects.ts';
import { assess } from '../readiness/assess.ts';
import type { LiveView } from '../readiness/live-view.ts';
import { newestPodsOf } from '../readiness/owned-pods.ts';
import { Patience } from '../readiness/patience.ts';
import type { Target } from '../readiness/verdict.ts';
import { CheckFailed } from './check.ts';
import type { VersionCheck, Versions } from './check.ts';
import { isServing } from './version-pods.ts';

/** A pod that was ready may be unready for this long, in milliseconds, before the new version counts as unhealthy. */
const UNREADY_GRACE = 10_000;
/** The news of one object may come so much later than that of another, in milliseconds. */
const NEWS_LIMIT = 5_000;
/** Rules that go by time are looked at again this often, in milliseconds. */
const TICK = 1_000;

/** How the new version is tried. */
export interface Trial {
  /** What is tried, for messages: `step 10 %`. */
  readonly title: string;
  readonly twins: readonly Target[];
  readonly checks: readonly VersionCheck[];
  /** How long it must hold out, in milliseconds. */
  readonly holdMs: number;
  /** Checks are run at the beginning, then again this often, in milliseconds, and once more at the end. */
  readonly everyMs: number;
  /** Both versions as they can be reached at this moment. */
  readonly versions: () => Promise<Versions>;
}

/**
 * Watches over a new version for a while: its checks hold, none of its containers restarts, its pods stay ready.
 *
 * @returns what the last round of checks saw, a line each
 * @throws DeliveryError `VERSION_REJECTED`, or `CHECK_IMPOSSIBLE` where a check could not be carried out
 */
export async function tryOut(trial: Trial, view: LiveView, signal: AbortSignal): Promise<readonly string[]> {
  const end = Date.now() + trial.holdMs;
  const health = new Health(trial.twins, view);
  let seen = await runChecks(trial, view, signal);
  for (let last = Date.now(); Date.now() < end;) {
    signal.throwIfAborted();
    await view.changed(Math.min(TICK, Math.max(1, end - Date.now())));
    const complaint = health.complaint();
    if (complaint !== undefined) throw rejected(trial, complaint);
    if (Date.now() - last < trial.everyMs) continue;
    seen = await runChecks(trial, view, signal);
    last = Date.now();
  }
  if (trial.holdMs > 0) seen = await runChecks(trial, view, signal);
  const complaint = health.complaint();
  if (complaint !== undefined) throw rejected(trial, complaint);
  return seen;
}

async function runChecks(trial: Trial, view: LiveView, signal: AbortSignal): Promise<readonly string[]> {
  if (trial.checks.length === 0) return [];
  const versions = await reachable(trial, view, signal);
  const seen: string[] = [];
  for (const { title, run } of trial.checks) {
    signal.throwIfAborted();
    try {
      seen.push(`${title}: ${await run(versions, signal)}`);
    } catch (error) {
      signal.throwIfAborted();
      throw error instanceof CheckFailed
        ? rejected(trial, `${title}: ${error.message}`)
        : impossible(trial, title, error);
    }
  }
  return seen;
}

/** Both versions as they can be reached: the news of a pod that is ready may come after that of its Deployment. */
async function reachable({ versions }: Trial, view: LiveView, signal: AbortSignal): Promise<Versions> {
  for (const end = Date.now() + NEWS_LIMIT; ;) {
    const found = await versions();
    if (found.next.length > 0 || Date.now() >= end) return found;
    signal.throwIfAborted();
    await view.changed(TICK);
  }
}

/**
 * What the pods of a new version say of themselves, from the moment that it is first looked at. A pod that comes later, because
 * an autoscaler wants one more or a drained node one elsewhere, may take its time, as in every rollout.
 */
class Health {
  readonly #twins: readonly Target[];
  readonly #view: LiveView;
  readonly #restarts: ReadonlyMap<string, number>;
  readonly #started = Date.now();
  readonly #patience = new Patience();
  /** Pods that were ready once, by uid. */
  readonly #proven = new Set<string>();
  #unreadySince: number | undefined;

  constructor(twins: readonly Target[], view: LiveView) {
    this.#twins = twins;
    this.#view = view;
    this.#restarts = new Map(this.#containers());
  }

  /** What is wrong now, in a clause; undefined if nothing is. */
  complaint(): string | undefined {
    for (const [container, count] of this.#containers()) {
      if (count > (this.#restarts.get(container) ?? 0)) return `container ${container} restarted`;
    }
    const waited = Date.now() - this.#started;
    const verdicts = this.#twins.map((target) =>
      assess(target, this.#view.object(target.ref), this.#view.around(), waited),
    );
    const symptom = this.#patience.exhaustedBy(verdicts, Date.now());
    if (symptom !== undefined) return symptom.message;
    if (!this.#hasLost()) {
      this.#unreadySince = undefined;
      return undefined;
    }
    this.#unreadySince ??= Date.now();
    if (Date.now() - this.#unreadySince < UNREADY_GRACE) return undefined;
    const details = verdicts.filter(({ state }) => state === 'waiting').map(({ detail }) => detail);
    return `its pods are no longer ready (${details.join('; ')})`;
  }

  /** Whether a pod that was ready is so no longer. */
  #hasLost(): boolean {
    const pods = this.#pods();
    for (const pod of pods.filter(isServing)) this.#proven.add(pod.metadata.uid ?? '');
    return pods.some((pod) => !isServing(pod) && this.#proven.has(pod.metadata.uid ?? ''));
  }

  #pods(): readonly Pod[] {
    return this.#twins.flatMap(({ ref, written }) =>
      newestPodsOf(this.#view.object(ref) ?? written, this.#view.around()),
    );
  }

  /** Each container as `pod/container`, and how often it was started again. */
  #containers(): readonly (readonly [string, number])[] {
    return this.#pods().flatMap(({ metadata, status }) =>
      (status?.containerStatuses ?? []).map(
        ({ name, restartCount }) => [`${metadata.name}/${name}`, restartCount] as const,
      ),
    );
  }
}

function rejected({ title }: Trial, complaint: string): DeliveryError {
  return new DeliveryError('VERSION_REJECTED', {
    message: `The new version did not pass ${title}: ${complaint.replace(/\.$/, '')}.`,
    remedy:
      'Mend what was found, then roll out again; every request was served by the version before, or by pods of both.',
  });
}

function impossible({ title }: Trial, check: string, cause: unknown): DeliveryError {
  const remedy =
    cause instanceof DeliveryError ? cause.remedy : 'See that the check can be carried out, then roll out again.';
  return new DeliveryError('CHECK_IMPOSSIBLE', {
    message: `Whether the new version passes ${title} could not be found out (${check}): ${messageOf(cause).replace(/\.$/, '')}.`,
    remedy,
    cause,
  });
}
