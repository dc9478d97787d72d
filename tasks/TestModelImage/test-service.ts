import type { Agent } from '../../lib/agent/agent.ts';
import { formatTime } from '../../lib/agent/quantities.ts';
import type { LatencyWishes, ServiceChecks } from '../../lib/agent/service-checks.ts';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { EndpointCheck } from '../../lib/probe/endpoint-check.ts';
import { awaitHealth, type Health } from '../../lib/probe/health.ts';
import type { Latency } from '../../lib/probe/latency.ts';
import type { Measurements } from '../../lib/probe/limits.ts';
import type { Metrics } from '../../lib/probe/metrics.ts';
import { type CheckResult, failed, passed } from '../../lib/probe/result.ts';
import { judgeMeasurements, runProbe } from '../../lib/probe/run-probe.ts';
import { Story } from './story.ts';
import type { MemoryUse, Target } from './target.ts';

/** What to find out about a service. */
export interface TestWishes {
  /** What tells that the service is healthy. */
  readonly health: EndpointCheck;
  /** In milliseconds. */
  readonly startLimit: number;
  readonly checks: ServiceChecks;
  readonly latency: LatencyWishes;
}

/** What was found out. */
export interface TestReport {
  /** What was tested, for people. */
  readonly target: string;
  /** The image by digest, where one was tested. */
  readonly image: string | undefined;
  readonly results: readonly CheckResult[];
  readonly metrics: Metrics;
  readonly latency: Latency | undefined;
  readonly measurements: Measurements;
  /** Why the task fails; undefined: it does not. */
  readonly failure: DeliveryError | undefined;
}

type Findings = Pick<TestReport, 'metrics' | 'latency' | 'measurements' | 'failure'>;

const NOTHING: Omit<Findings, 'failure'> = {
  metrics: { accuracy: undefined, meanAbsoluteError: undefined },
  latency: undefined,
  measurements: {},
};

/**
 * Waits for a service, tests it and judges what was measured. A service that fails is part of the report; only what keeps it from
 * being tested, such as a cancellation, is thrown.
 */
export async function testService(
  agent: Agent,
  target: Target,
  wishes: TestWishes,
  signal: AbortSignal,
): Promise<TestReport> {
  const story = new Story(agent);
  const findings = await find(target, wishes, story, signal);
  return { target: target.name, image: target.image, results: story.results, ...findings };
}

async function find(target: Target, wishes: TestWishes, story: Story, signal: AbortSignal): Promise<Findings> {
  const alive = AbortSignal.any([signal, target.ended]);
  const started = performance.now();
  try {
    return await findWhileAlive(target, wishes, story, alive);
  } catch (error) {
    signal.throwIfAborted();
    const reason: unknown = target.ended.aborted ? target.ended.reason : error;
    if (!(reason instanceof DeliveryError)) throw reason;
    const result = {
      kind: 'health',
      name: 'the service keeps running',
      milliseconds: performance.now() - started,
    } as const;
    story.onResult(failed(result, reason.message));
    return { ...NOTHING, failure: reason };
  }
}

async function findWhileAlive(
  target: Target,
  { health: check, startLimit, checks, latency: wishes }: TestWishes,
  story: Story,
  signal: AbortSignal,
): Promise<Findings> {
  const onWaiting = (why: string): void => story.say(`Waiting: GET ${check.text} ${why}`);
  const health = await awaitHealth(target.service, { check, limit: startLimit, onWaiting }, signal);
  story.onResult(healthResult(`GET ${check.text} is healthy within ${formatTime(startLimit)}`, health));
  if (!health.isHealthy) return { ...NOTHING, failure: await target.explain(health.why) };
  const { metrics, latency } = await runProbe({ ...checks, load: wishes.load }, target.service, story, signal);
  if (latency?.firstError !== undefined) story.say(`The first request without its answer: ${latency.firstError}`);
  const memory = await target.memory();
  const measurements = measurementsOf(health, latency, memory);
  judgeMeasurements(measurements, wishes).forEach(story.onResult);
  if (memory !== undefined) story.onResult(memoryResult(memory));
  return { metrics, latency, measurements, failure: failureOf(target.name, story.results) };
}

function healthResult(name: string, health: Health): CheckResult {
  const result = { kind: 'health', name, milliseconds: health.milliseconds } as const;
  return health.isHealthy ? passed(result) : failed(result, health.why);
}

/** A process that is one of several may be ended without anybody noticing but its caller. */
function memoryResult({ ranOut }: MemoryUse): CheckResult {
  const result = { kind: 'health', name: 'memory suffices', milliseconds: 0 } as const;
  return ranOut
    ? failed(result, 'a process of it was ended because it needs more memory than it may have')
    : passed(result);
}

function measurementsOf(
  { milliseconds }: Health,
  latency: Latency | undefined,
  memory: MemoryUse | undefined,
): Measurements {
  return {
    start: milliseconds,
    ...(latency && {
      p50: latency.p50,
      p95: latency.p95,
      p99: latency.p99,
      max: latency.max,
      errorRate: latency.errorRate,
      throughput: latency.throughput,
    }),
    ...(memory?.peak === undefined ? {} : { memory: memory.peak }),
  };
}

function failureOf(name: string, results: readonly CheckResult[]): DeliveryError | undefined {
  const broken = results.filter(({ outcome }) => outcome === 'failed');
  const [first] = broken;
  if (first === undefined) return undefined;
  return new DeliveryError('SERVICE_CHECKS_FAILED', {
    message: `${broken.length} of ${results.length} checks of ${name} failed, the first: ${first.name} ${first.problem ?? ''}.`,
    remedy: 'The log and the Tests tab say of each what came instead; the end of the log of a container is above.',
  });
}
