import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import type { Standing } from '../readiness/await-ready.ts';
import type { RolloutResult } from './report.ts';

/** A failure that leaves the cluster other than it was has a code of its own, whatever the reason. */
const CODES: Readonly<Partial<Record<RolloutResult, string>>> = {
  notRestored: 'ROLLOUT_NOT_RESTORED',
  restoredUnhealthy: 'ROLLOUT_RESTORED_UNHEALTHY',
};

/** The same failure, and in one more sentence how it ended. */
export function endingWith(reason: Error, sentence: string, result: RolloutResult): Error {
  return extended(reason, sentence, CODES[result]);
}

/** A timeout names what it still waited for; other failures stay as they are. */
export function namingTheLate(reason: Error, standings: readonly Standing[]): Error {
  if (!(reason instanceof DeliveryError && reason.code === 'ROLLOUT_TIMEOUT')) return reason;
  const late = standings.filter(({ verdict }) => verdict.state === 'waiting');
  const list = late
    .map(({ target: { ref }, verdict }) => `${ref.resource.kind}/${ref.name} (${verdict.detail})`)
    .join(', ');
  return list === '' ? reason : extended(reason, `Not ready: ${list}.`);
}

/**
 * Aborts when everything together has taken too long.
 *
 * @param trialMs time, in milliseconds, that the new version spends on trial and that does not count
 */
export function timeLimit(minutes: number, trialMs = 0): AbortSignal {
  const controller = new AbortController();
  setTimeout(
    () => {
      controller.abort(
        new DeliveryError('ROLLOUT_TIMEOUT', {
          message: `The rollout was not ready within ${minutes} ${minutes === 1 ? 'minute' : 'minutes'}.`,
          remedy: 'See above what it waits for; give it more timeoutMinutes if it was still making progress.',
        }),
      );
    },
    minutes * 60_000 + trialMs,
  ).unref();
  return controller.signal;
}

/** The same failure with one more sentence, perhaps under another code. */
function extended(reason: Error, sentence: string, code?: string): Error {
  if (!(reason instanceof DeliveryError)) return code === undefined ? reason : foreign(reason, sentence, code);
  return new DeliveryError(code ?? reason.code, {
    message: `${reason.message} ${sentence}`,
    remedy: reason.remedy,
    cause: reason.cause,
  });
}

function foreign(reason: Error, sentence: string, code: string): DeliveryError {
  const message = `The rollout met an error it does not know: ${messageOf(reason)} ${sentence}`;
  return new DeliveryError(code, { message, remedy: 'Look at the objects in the cluster.', cause: reason });
}
