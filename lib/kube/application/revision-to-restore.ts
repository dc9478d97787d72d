import { DeliveryError } from '../../errors/delivery-error.ts';
import { describeApplication } from './application.ts';
import type { Application } from './application.ts';
import { currentRevision } from './record.ts';
import type { ApplicationRecord, Revision } from './record.ts';

/**
 * The revision to go back to: the one of that number, else the one before the current. Going back again goes back
 * further, and never forward to what was just left: a revision that brought an older one back stands where that did.
 *
 * @throws DeliveryError `REVISION_NOT_FOUND`, which lists those that are kept
 */
export function revisionToRestore(
  application: Application,
  record: ApplicationRecord,
  number: number | undefined,
): Revision {
  const { revisions } = record;
  const current = currentRevision(record);
  const place = current === undefined ? 0 : originOf(current);
  const found =
    number === undefined
      ? revisions.findLast((revision) => revision.number < place)
      : revisions.find((revision) => revision.number === number);
  if (found !== undefined) return found;
  const kept = revisions.map((revision) => `${revision.number} (${revision.at.slice(0, 16)}Z, ${revision.run.name})`);
  throw new DeliveryError('REVISION_NOT_FOUND', {
    message: `The ${describeApplication(application)} has no ${number === undefined ? 'earlier revision' : `revision ${number}`}.`,
    remedy: kept.length === 0 ? 'Deploy it first: nothing of it is known yet.' : `Kept are: ${kept.join(', ')}.`,
  });
}

/** The number under which the content of a revision was first rolled out. */
export function originOf({ number, restores }: Revision): number {
  return restores ?? number;
}
