import { wait } from '../http/retry.ts';
import { answered, Complaint } from './answer.ts';
import type { Service } from './service.ts';

/** How a service is waited for. */
export interface HealthWait {
  /** What is asked for; any answer of 200 to 299 means healthy. */
  readonly path: string;
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

/** Asks until the service is healthy, less and less often. */
export async function awaitHealth(service: Service, wanted: HealthWait, signal: AbortSignal): Promise<Health> {
  const started = performance.now();
  const since = (): number => performance.now() - started;
  let why: string | undefined;
  for (let pause = FIRST_WAIT; ; pause = Math.min(pause * GROWTH, LONGEST_WAIT)) {
    const now = await complaintOf(service, wanted.path, wanted.limit - since(), signal);
    // The last attempt is cut short by the limit, which says nothing about the service.
    if (now !== CUT_SHORT) {
      if (now === undefined) return { isHealthy: true, milliseconds: since() };
      if (now !== why) wanted.onWaiting(now);
      why = now;
    }
    if (since() + pause >= wanted.limit) {
      return { isHealthy: false, milliseconds: since(), why: why ?? 'did not answer' };
    }
    await wait(pause, signal);
  }
}

const CUT_SHORT = 'cut short';

async function complaintOf(
  service: Service,
  path: string,
  left: number,
  signal: AbortSignal,
): Promise<string | undefined> {
  const limit = AbortSignal.timeout(Math.max(1, Math.ceil(left)));
  try {
    answered(await service({ method: 'GET', path }, AbortSignal.any([signal, limit])), undefined);
    return undefined;
  } catch (error) {
    if (error instanceof Complaint) return error.message;
    signal.throwIfAborted();
    if (limit.aborted) return CUT_SHORT;
    throw error;
  }
}
