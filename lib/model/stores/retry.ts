import { type RetryPolicy, wait, waitBefore } from '../../http/retry.ts';

/** What a failed attempt says about another one. */
export interface Verdict {
  /** Worth another attempt. */
  readonly transient: boolean;
  /** The store has too much to do: it wants more patience than what breaks. */
  readonly busy?: boolean;
  /** The `Retry-After` with which the store answered. */
  readonly retryAfter?: string | undefined;
}

export interface RetryOptions {
  readonly signal: AbortSignal;
  readonly judge: (error: unknown) => Verdict;
  /** A number that grows as the work gets on; an attempt that got on does not count as a failed one. */
  readonly progress?: () => number;
}

/** About 6 seconds of waiting. */
const POLICY: RetryPolicy = { attempts: 5, firstWait: 400, longestWait: 30_000 };
/** About 50 seconds: accounts are throttled for some, and a long transfer must outlast that. */
const BUSY: RetryPolicy = { ...POLICY, attempts: 8 };
/** However well it gets on, a request that breaks this often has something else wrong with it. */
const MOST_BREAKS = 100;

/**
 * Runs an attempt until it succeeds, fails for good, or has failed too often. The only layer in which requests to a
 * store are repeated: the SDKs' own retries are off, because they know nothing of `Retry-After` or of a body that
 * breaks half way.
 */
export async function withRetries<T>(attempt: () => Promise<T>, options: RetryOptions): Promise<T> {
  const { signal, judge, progress = () => 0 } = options;
  let failures = 0;
  for (let breaks = 1; ; breaks++) {
    signal.throwIfAborted();
    const before = progress();
    try {
      return await attempt();
    } catch (error) {
      // An SDK says "aborted" in its own words; why it was aborted is known here.
      signal.throwIfAborted();
      failures = progress() > before ? 1 : failures + 1;
      const { transient, busy = false, retryAfter } = judge(error);
      const policy = busy ? BUSY : POLICY;
      if (!transient || failures >= policy.attempts || breaks >= MOST_BREAKS) throw error;
      await wait(waitBefore(failures, policy, retryAfter), signal);
    }
  }
}
