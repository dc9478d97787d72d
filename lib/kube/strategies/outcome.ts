import { DeliveryError } from '../../errors/delivery-error.ts';
import { describeApplication } from '../application/application.ts';
import type { Application } from '../application/application.ts';
import type { ApplicationRecord, Pending } from '../application/record.ts';
import type { Undone } from '../rollout/undo.ts';

/**
 * The version that an earlier run has left beside the stable one.
 *
 * @throws DeliveryError `NOTHING_WAITS`
 */
export function pendingOf(
  { pending }: ApplicationRecord,
  application: Application,
  { action }: { readonly action: string },
): Pending {
  if (pending !== undefined) return pending;
  throw new DeliveryError('NOTHING_WAITS', {
    message: `There is nothing to ${action}: no new version of the ${describeApplication(application)} waits beside the stable one.`,
    remedy:
      'Roll out with promotion: manual first, with the same applicationName and namespace; see whether another run has promoted or rejected it since.',
  });
}

/** An application as the value of a label: of at most 63 characters, and not ending with a sign. */
export function labelOf({ name }: Application): string {
  return name.slice(0, 63).replace(/[^a-z0-9]+$/, '');
}

export function notRestored(stranded: readonly string[]): DeliveryError {
  return new DeliveryError('ROLLOUT_NOT_RESTORED', {
    message: `These could not be put back as they were: ${stranded.join(', ')}.`,
    remedy: 'Run the task again: it begins with what is left.',
  });
}

const RESULTS: Readonly<Record<string, Undone['result']>> = {
  VERSION_REJECTED: 'rejected',
  CHECK_IMPOSSIBLE: 'inconclusive',
};

/** How it stands after a failure that came before the stable version was touched. */
export function untouched(reason: Error): Undone {
  const result = reason instanceof DeliveryError ? RESULTS[reason.code] : undefined;
  return {
    result: result ?? 'restored',
    sentence: 'The stable version was not touched; what stood beside it was removed.',
  };
}
