import { DeliveryError } from './delivery-error.ts';

/** Whether a write failed because the disk is full, or this user's share of it. */
export function isDiskFull(error: unknown): boolean {
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return code === 'ENOSPC' || code === 'EDQUOT';
}

/**
 * The error for what finds no room on a disk.
 *
 * @param path a file or folder of that disk
 * @param what what finds no room, such as `the image`
 */
export function diskFull(path: string, what: string, cause?: unknown): DeliveryError {
  return new DeliveryError('DISK_FULL', {
    message: `The disk of ${path} has no room for ${what}.`,
    remedy: 'Make room or choose a folder on another disk. What was there is unchanged.',
    cause,
  });
}
