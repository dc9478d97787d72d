import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import { titleOfRef } from '../application/footprint.ts';
import type { Footprint } from '../application/footprint.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { awaitReady } from '../readiness/await-ready.ts';
import type { LiveView } from '../readiness/live-view.ts';
import type { RolloutReporter } from '../reporter.ts';
import { awaitGone } from './await-gone.ts';
import { putBackLimit } from './put-back-limit.ts';
import type { RolloutResult } from './report.ts';
import { restore } from './restore.ts';
import type { Restoration } from './restore.ts';

/** How long the old version may take to be healthy again, at most: milliseconds. */
const HEALING = 300_000;

export interface UndoParts {
  readonly client: KubeClient;
  readonly view: LiveView;
  readonly reporter: RolloutReporter;
  /** What may have been written. */
  readonly begun: readonly Footprint[];
  /** The run was told to stop: put back quickly, and wait for nothing. */
  readonly signal: AbortSignal;
}

/** How it stands after a failed rollout was undone, in one sentence. */
export interface Undone {
  readonly result: Extract<
    RolloutResult,
    'rejected' | 'inconclusive' | 'restored' | 'restoredUnhealthy' | 'removed' | 'notRestored'
  >;
  readonly sentence: string;
}

/** Puts back what a failed run has written, and waits until the version before is healthy again. */
export async function undo(parts: UndoParts): Promise<Undone> {
  const { client, view, reporter, begun, signal } = parts;
  // A second look: the run may be told to stop while it puts back.
  const stopped = (): boolean => signal.aborted;
  const hurried = stopped();
  reporter.line(`Putting back ${begun.length} ${begun.length === 1 ? 'object' : 'objects'} …`);
  const restoration = await restore(client, begun, putBackLimit(hurried), signal);
  if (restoration.failures.length > 0) return notRestored(restoration);
  const { putBack } = restoration;
  if (stopped()) {
    return {
      result: 'restored',
      sentence: `${whatWasDone(restoration)}; because it was told to stop, it did not wait for it.`,
    };
  }
  // What happened to the failed version must not be held against the one before.
  view.settle();
  const limit = AbortSignal.any([signal, tooLate()]);
  try {
    // A run that fails early follows nothing yet.
    const unseen = begun.map(({ ref }) => ref).filter((ref) => view.object(ref) === undefined);
    await view.openWhenReached(unseen, limit);
    await awaitReady(putBack, view, { reporter, signal: limit });
  } catch (error) {
    if (stopped())
      return { result: 'restored', sentence: `${whatWasDone(restoration)}; its health was not waited for.` };
    const why = messageOf(error);
    return { result: 'restoredUnhealthy', sentence: `${whatWasDone(restoration)}, but is not healthy: ${why}` };
  }
  const left = await awaitGone(restoration.removed, { view, reporter, signal });
  const leaving =
    left.length === 0 ? '' : ` Still being removed: ${left.map(({ ref }) => titleOfRef(ref)).join(', ')}.`;
  return putBack.length > 0
    ? { result: 'restored', sentence: `${whatWasDone(restoration)} and is healthy.${leaving}` }
    : { result: 'removed', sentence: `${whatWasDone(restoration)}.${leaving}` };
}

function whatWasDone({ putBack, removed }: Restoration): string {
  if (putBack.length === 0) return 'What this run had created was removed';
  const also = removed.length > 0 ? 'What this run had created was removed; t' : 'T';
  return `${also}he version before was put back`;
}

function notRestored({ failures }: Restoration): Undone {
  const list = failures
    .map(({ footprint, error }) => `${titleOfRef(footprint.ref)} (${messageOf(error).replace(/\.$/, '')})`)
    .join(', ');
  return { result: 'notRestored', sentence: `These could not be put back as they were: ${list}.` };
}

function tooLate(): AbortSignal {
  const controller = new AbortController();
  setTimeout(() => {
    controller.abort(
      new DeliveryError('ROLLOUT_TIMEOUT', {
        message: `it did not become ready within ${HEALING / 60_000} minutes.`,
        remedy: 'Look at its pods.',
      }),
    );
  }, HEALING).unref();
  return controller.signal;
}
