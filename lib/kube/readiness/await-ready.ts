import { DeliveryError } from '../../errors/delivery-error.ts';
import type { RolloutReporter } from '../reporter.ts';
import { assess } from './assess.ts';
import type { LiveView } from './live-view.ts';
import { Patience } from './patience.ts';
import type { Surroundings, Target, Verdict } from './verdict.ts';

/** Rules that go by time are looked at again this often, in milliseconds, even if nothing changes. */
const TICK = 1_000;

/** How the wait for one object stands. */
export interface Standing {
  readonly target: Target;
  readonly verdict: Verdict;
  /** When it became ready, in milliseconds from the start of the wait. */
  readonly readyAfterMs: number | undefined;
}

/** The wait ended badly; `standings` tells how everything stood then. */
export class NotReadyError extends Error {
  override readonly name = 'NotReadyError';
  readonly standings: readonly Standing[];
  readonly reason: DeliveryError;

  constructor(reason: DeliveryError, standings: readonly Standing[]) {
    super(reason.message, { cause: reason });
    this.reason = reason;
    this.standings = standings;
  }
}

export interface AwaitOptions {
  readonly reporter: RolloutReporter;
  /** How an earlier wait for some of the same objects ended. */
  readonly earlier?: readonly Standing[];
  /** Ends the wait when it aborts; its reason becomes the reason of the failure. */
  readonly signal: AbortSignal;
}

/**
 * Waits until every target is ready, telling each change of state once.
 *
 * @throws NotReadyError as soon as one of them never will be, or when the signal aborts
 */
export async function awaitReady(
  targets: readonly Target[],
  view: LiveView,
  { reporter, earlier = [], signal }: AwaitOptions,
): Promise<readonly Standing[]> {
  const started = Date.now();
  const patience = new Patience();
  const stopped = aborted(signal);
  let standings: readonly Standing[] = [];
  for (;;) {
    const waited = Date.now() - started;
    const before = standings;
    const look = { view, around: view.around(), waited };
    standings = targets.map(
      (target, index) => doneJob(target, [...earlier, ...before]) ?? stand(target, before[index], look),
    );
    tell(standings, before, reporter);
    if (standings.every(({ verdict }) => verdict.state === 'ready')) return standings;
    const symptom = patience.exhaustedBy(
      standings.map(({ verdict }) => verdict),
      Date.now(),
    );
    if (symptom !== undefined) throw new NotReadyError(new DeliveryError(symptom.code, symptom), standings);
    try {
      await Promise.race([view.changed(TICK), stopped]);
    } catch (error) {
      throw error instanceof DeliveryError ? new NotReadyError(error, standings) : error;
    }
  }
}

/** One look at everything. */
interface Look {
  readonly view: LiveView;
  readonly around: Surroundings;
  /** In milliseconds, from the start of the wait. */
  readonly waited: number;
}

/** A Job that is done stays so: it may be cleaned away by its own time limit (`ttlSecondsAfterFinished`). */
function doneJob({ ref }: Target, known: readonly Standing[]): Standing | undefined {
  if (ref.resource.kind !== 'Job') return undefined;
  return known.find(({ target, verdict }) => target.ref === ref && verdict.state === 'ready');
}

function stand(target: Target, before: Standing | undefined, { view, around, waited }: Look): Standing {
  const verdict = assess(target, view.object(target.ref), around, waited);
  const readyAfterMs = verdict.state === 'ready' ? (before?.readyAfterMs ?? waited) : undefined;
  return { target, verdict, readyAfterMs };
}

function tell(standings: readonly Standing[], before: readonly Standing[], reporter: RolloutReporter): void {
  const news = standings.filter(({ verdict }, index) => {
    const old = before[index]?.verdict;
    return old?.state !== verdict.state || old.detail !== verdict.detail;
  });
  if (news.length === 0) return;
  for (const { target, verdict } of news) {
    const mark = verdict.state === 'ready' ? '✓' : '…';
    reporter.line(`${mark} ${target.ref.resource.kind}/${target.ref.name}: ${verdict.detail}`);
    if (verdict.state === 'ready' && verdict.warning !== undefined) reporter.warn(verdict.warning);
  }
  const done = standings.filter(({ verdict }) => verdict.state === 'ready').length;
  reporter.progress(done / standings.length, `${done} of ${standings.length} objects ready`);
}

/** Rejects with the signal's reason; a rejection that nobody waits for any more is no error. */
function aborted(signal: AbortSignal): Promise<never> {
  const promise = new Promise<never>((_, reject) => {
    const stop = (): void => reject(signal.reason as Error);
    if (signal.aborted) stop();
    else signal.addEventListener('abort', stop, { once: true });
  });
  promise.catch(() => undefined);
  return promise;
}
