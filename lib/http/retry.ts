import { setTimeout as sleep } from 'node:timers/promises';

/** How often and how long to try again. */
export interface RetryPolicy {
  /** All attempts, the first included. */
  readonly attempts: number;
  /** Wait after the first failure, in milliseconds; it doubles with each further one. */
  readonly firstWait: number;
  /** No wait is longer than this, in milliseconds, whatever the peer asks for. */
  readonly longestWait: number;
}

/** Enough for a registry's or an API server's short absence: about 8 seconds of waiting. */
export const PATIENT: RetryPolicy = { attempts: 5, firstWait: 500, longestWait: 60_000 };

/**
 * How long to wait before the next attempt, in milliseconds: doubling with a random share, so that many pipelines do not
 * come back at the same moment, and no less than the peer asked for (`Retry-After`). That may be 0, or a date of the past.
 */
export function waitBefore(attempt: number, policy: RetryPolicy, retryAfter?: string): number {
  const own = policy.firstWait * 2 ** (attempt - 1) * (0.75 + Math.random() / 2);
  return Math.min(policy.longestWait, Math.max(own, askedWait(retryAfter)));
}

export function wait(milliseconds: number, signal: AbortSignal): Promise<void> {
  return sleep(milliseconds, undefined, { signal }).catch(() => {
    signal.throwIfAborted();
  });
}

/** `Retry-After` in milliseconds, 0 where nothing is asked; it is given in seconds or as a date (RFC 9110, 10.2.3). */
function askedWait(retryAfter = ''): number {
  if (/^\d+$/.test(retryAfter)) return Number(retryAfter) * 1000;
  const date = Date.parse(retryAfter);
  return Number.isNaN(date) ? 0 : date - Date.now();
}

/** Statuses of a peer that is busy or ill for a while. */
export function isPassing(status: number): boolean {
  return [408, 429, 500, 502, 503, 504].includes(status);
}

/** Statuses of a peer that has too much to do, from many for longer than a broken connection or a restart takes. */
export function isBusy(status: number): boolean {
  return [429, 503].includes(status);
}

/** Codes of Node.js and undici for connections that break, stall or cannot be made just now. */
const PASSING =
  /^(?:ECONN(?:RESET|REFUSED|ABORTED)|EPIPE|ETIMEDOUT|EAI_AGAIN|E(?:HOST|NET)UNREACH|ENETDOWN|UND_ERR_(?:SOCKET|(?:HEADERS|BODY|CONNECT)_TIMEOUT)|HPE_\w+)$/;

/** Whether an error came from the connection and may be gone at the next attempt. */
export function isPassingError(error: unknown): boolean {
  return PASSING.test(codeOf(error) ?? '');
}

/** The code of an error of Node.js or undici; of several that stand for one failed connection, the first. */
export function codeOf(error: unknown): string | undefined {
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  const code = error instanceof Error ? (error as NodeJS.ErrnoException).code : undefined;
  return typeof code === 'string' ? code : undefined;
}
