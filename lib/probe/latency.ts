import type { EncodedRequest } from './cases/embedded-files.ts';
import { answered, Complaint } from './answer.ts';
import type { Service } from './service.ts';

/** A load to put on a service: a number of clients, each of which asks again once it has its answer. */
export interface Load {
  readonly path: string;
  /** Sent in turn. */
  readonly requests: readonly LoadRequest[];
  /** Requests before those that count, which load what is loaded at first use. */
  readonly warmUp: number;
  readonly count: number;
  readonly concurrency: number;
  readonly onProgress?: (done: number) => void;
}

export interface LoadRequest extends EncodedRequest {
  /** The status that counts as an answer; undefined: any of 200 to 299. */
  readonly status: number | undefined;
}

/** Times are in milliseconds, of answered requests. */
export interface Latency {
  readonly requests: number;
  readonly errors: number;
  /** From 0 to 1. */
  readonly errorRate: number;
  /** What the first error was, for people. */
  readonly firstError: string | undefined;
  /** Answered requests a second. */
  readonly throughput: number;
  readonly concurrency: number;
  readonly p50: number;
  readonly p95: number;
  readonly p99: number;
  readonly max: number;
  /** All of them, ascending. */
  readonly times: readonly number[];
}

/** A service that answers none of so many requests will answer none. */
const HOPELESS = 20;

/** Measures how a service answers under a load. */
export async function measureLatency(load: Load, service: Service, signal: AbortSignal): Promise<Latency> {
  await put({ ...load, count: load.warmUp, onProgress: () => undefined }, service, signal);
  const started = performance.now();
  const { times, problems } = await put(load, service, signal);
  const seconds = (performance.now() - started) / 1000;
  const sorted = times.toSorted((a, b) => a - b);
  const requests = times.length + problems.length;
  return {
    requests,
    errors: problems.length,
    errorRate: requests === 0 ? 0 : problems.length / requests,
    firstError: problems[0],
    throughput: seconds === 0 ? 0 : times.length / seconds,
    concurrency: load.concurrency,
    p50: percentile(sorted, 50),
    p95: percentile(sorted, 95),
    p99: percentile(sorted, 99),
    max: sorted.at(-1) ?? Number.NaN,
    times: sorted,
  };
}

interface Measured {
  readonly times: readonly number[];
  readonly problems: readonly string[];
}

async function put(load: Load, service: Service, signal: AbortSignal): Promise<Measured> {
  const [times, problems]: [number[], string[]] = [[], []];
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < load.count && (times.length > 0 || problems.length < HOPELESS)) {
      const wanted = load.requests[next++ % load.requests.length];
      if (wanted === undefined) return;
      const problem = await ask(load.path, wanted, service, signal, (time) => times.push(time));
      if (problem !== undefined) problems.push(problem);
      load.onProgress?.(times.length + problems.length);
    }
  };
  await Promise.all(Array.from({ length: Math.min(load.concurrency, load.count) }, client));
  return { times, problems };
}

async function ask(
  path: string,
  { status, body, contentType }: LoadRequest,
  service: Service,
  signal: AbortSignal,
  onAnswered: (milliseconds: number) => void,
): Promise<string | undefined> {
  const reply = await service({ method: 'POST', path, headers: { 'content-type': contentType }, body }, signal);
  try {
    answered(reply, status);
    onAnswered(reply.milliseconds);
    return undefined;
  } catch (error) {
    if (error instanceof Complaint) return error.message;
    throw error;
  }
}

/** The value below which a share of all lies, by the nearest rank: one that was really measured. NaN where there are none. */
export function percentile(sorted: readonly number[], percent: number): number {
  return sorted[Math.max(0, Math.ceil((percent / 100) * sorted.length) - 1)] ?? Number.NaN;
}
