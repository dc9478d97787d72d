import { wait } from '../http/retry.ts';
import { answered, Complaint } from './answer.ts';
import type { EndpointCheck } from './endpoint-check.ts';
import type { Service } from './service.ts';

/** How a service is waited for. */
export interface HealthWait {
  /**
   * What is asked for. A mere path, or a status, is asked for until it answers so once; what is expected of the answer beyond that
   * must hold for {@link STEADY}.
   */
  readonly check: EndpointCheck;
  /** How long it may take in all, in milliseconds. */
  readonly limit: number;
  /** Told what the last attempt met, whenever that changes. */
  readonly onWaiting: (why: string) => void;
}

/** How it went. */
export type Health =
  | { readonly isHealthy: true; readonly milliseconds: number }
  /** A clause about the last attempt, such as `cannot be reached (ECONNREFUSED)`. */
  | { readonly isHealthy: false; readonly milliseconds: number; readonly why: string };

/** In milliseconds: most services are there within a second, and those that load a large model are not asked too often. */
const FIRST_WAIT = 50;
const LONGEST_WAIT = 2_000;
const GROWTH = 1.5;

/**
 * How long an expected answer must come without another one between, in milliseconds: after a rollout, nodes may send a request
 * to an old pod for about a second more.
 */
export const STEADY = 2_000;
const STEADY_PAUSE = 100;

/** Asks until the service is healthy, less and less often. */
export async function awaitHealth(
  service: Service,
  { check, limit, onWaiting }: HealthWait,
  signal: AbortSignal,
): Promise<Health> {
  const started = performance.now();
  const since = (): number => performance.now() - started;
  let why: string | undefined;
  for (let pause = FIRST_WAIT; ; pause = Math.min(pause * GROWTH, LONGEST_WAIT)) {
    const first = await complaintOf(service, check, limit - since(), signal);
    const reachedAt = since();
    const now = first ?? (check.expects ? await relapseOf(service, check, limit, signal) : undefined);
    // The last attempt is cut short by the limit, which says nothing about the service.
    if (now !== CUT_SHORT) {
      if (now === undefined) return { isHealthy: true, milliseconds: reachedAt };
      if (now !== why) onWaiting(now);
      why = now;
    }
    if (since() + pause >= limit) {
      return { isHealthy: false, milliseconds: since(), why: why ?? 'did not answer' };
    }
    await wait(pause, signal);
  }
}

/** What is wrong with the first other answer that comes within {@link STEADY}; undefined: none does. */
async function relapseOf(
  service: Service,
  check: EndpointCheck,
  limit: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const end = performance.now() + STEADY;
  while (performance.now() < end) {
    await wait(STEADY_PAUSE, signal);
    const complaint = await complaintOf(service, check, limit, signal);
    if (complaint !== undefined) return complaint;
  }
  return undefined;
}

const CUT_SHORT = 'cut short';

async function complaintOf(
  service: Service,
  { path, status, judge }: EndpointCheck,
  left: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const limit = AbortSignal.timeout(Math.max(1, Math.ceil(left)));
  try {
    // Each time by a connection of its own: one that is kept leads to the same pod again and again.
    const asked = { method: 'GET', path, headers: { connection: 'close' } } as const;
    judge(answered(await service(asked, AbortSignal.any([signal, limit])), status));
    return undefined;
  } catch (error) {
    if (error instanceof Complaint) return error.message;
    signal.throwIfAborted();
    if (limit.aborted) return CUT_SHORT;
    throw error;
  }
}
