import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { FoundImage } from '../../lib/oci/newest/found-image.ts';

const DAY = 24 * 60 * 60 * 1000;

/**
 * Checks that an image is not too old: counted from its push where that is known, else from its creation.
 *
 * @param days at most; undefined: any age will do
 * @throws DeliveryError `IMAGE_TOO_OLD`
 */
export function checkAge(name: string, image: FoundImage, days: number | undefined, now: Date): void {
  if (days === undefined) return;
  const since = image.pushed ?? image.created;
  if (since !== undefined && now.getTime() - since.getTime() <= days * DAY) return;
  throw new DeliveryError('IMAGE_TOO_OLD', {
    message:
      since === undefined
        ? `${name} does not say when it was created, and maxAgeDays is ${days}.`
        : `${name} is of ${since.toISOString()}, more than ${days} days ago.`,
    remedy: 'See why the pipeline that builds it has not run since, or raise maxAgeDays.',
  });
}
