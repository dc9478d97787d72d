// How long the task takes to see what the cluster knows: that all is ready, or that it never will be.
import { follow } from '../../../lib/kube/client/follow.ts';
import { EVENTS, PODS, REPLICA_SETS } from '../../../lib/kube/client/resource.ts';
import type { KubeEvent, KubeObject, Pod } from '../../../lib/kube/objects.ts';
import { conditionOf, isObserved } from '../../../lib/kube/objects.ts';
import { FATAL_STATES, provoke } from '../../../test/support/fatal-states.ts';
import { KINDS, RolloutBench } from '../../../test/support/rollout-bench.ts';
import type { RolloutParts } from '../../../test/support/rollout-bench.ts';
import { APP } from '../../../test/support/web-app.ts';

/** Something the cluster knew, and how much later the task said so, in milliseconds. */
export interface Lag {
  readonly what: string;
  readonly ms: number;
  /** What it must be at most. */
  readonly limit: number;
}

const READY_LIMIT = 200;
const FATAL_LIMIT = 10_000;

/** From the status that says "all done" to the line that says so. */
export async function readyLag(): Promise<Lag> {
  const bench = await RolloutBench.open();
  try {
    await bench.begin(APP);
    const clock = await startClock(bench, isDone, /✓ Deployment\/web: 2\/2/);
    await bench.rollOut(APP, { ...clock.parts, images: `app=${bench.images[1]}` });
    return { what: 'all is ready', ms: clock.stop(), limit: READY_LIMIT };
  } finally {
    await bench.close();
  }
}

/** What ends by its time alone, or by the refusal of a write, has no moment from which to count. */
const TIMELESS = new Set(['ROLLOUT_TIMEOUT', 'POD_UNSCHEDULABLE', 'APPLY_REFUSED']);

/** For each fatal state, from the first sign that it is fatal to the end of the wait. */
export async function fatalLags(): Promise<readonly Lag[]> {
  const lags: Lag[] = [];
  for (const state of FATAL_STATES.filter(({ code }) => !TIMELESS.has(code))) {
    const clocks: Clock[] = [];
    await provoke(state, async (bench) => {
      const clock = await startClock(bench, isFatal, /^✗ /m);
      clocks.push(clock);
      return clock.parts;
    });
    lags.push({ what: state.title, ms: clocks[0]?.stop() ?? Number.NaN, limit: FATAL_LIMIT });
  }
  return lags;
}

interface Clock {
  /** For the rollout whose lines are looked at. */
  readonly parts: RolloutParts;
  /** Milliseconds from the sign to the line; not a number where one of them never came. */
  stop(): number;
}

/** Notes when the cluster shows a sign, by watches of its own, and when the task prints the line. */
async function startClock(bench: RolloutBench, isSign: (object: KubeObject) => boolean, line: RegExp): Promise<Clock> {
  const end = new AbortController();
  let [sign, told] = [Number.NaN, Number.NaN];
  const look = (object: KubeObject): void => {
    if (Number.isNaN(sign) && isSign(object)) sign = Date.now();
  };
  const ignore = (): void => undefined;
  const follower = { all: ignore, changed: look, gone: ignore, lost: ignore };
  for (const resource of [KINDS.deployment, KINDS.job, REPLICA_SETS, PODS, EVENTS]) {
    await follow(bench.client, { resource, namespace: bench.namespace }, follower, end.signal);
  }
  return {
    parts: {
      onLine: (text) => {
        if (Number.isNaN(told) && line.test(text)) told = Date.now();
      },
    },
    stop: () => {
      end.abort();
      // Either of the two watches may hear first.
      return Math.max(0, told - sign);
    },
  };
}

function isDone(object: KubeObject): boolean {
  if (object.kind !== 'Deployment' || !isObserved(object)) return false;
  const { replicas, updatedReplicas, availableReplicas } = object.status as Readonly<Record<string, number>>;
  const { containers } = (object as unknown as { spec: { template: Pod } }).spec.template.spec;
  return (
    containers[0]?.image.includes('@') === true && [replicas, updatedReplicas, availableReplicas].every((n) => n === 2)
  );
}

const FATAL_REASONS = /^(ErrImagePull|ImagePullBackOff|CreateContainerConfigError|RunContainerError|CrashLoopBackOff)$/;

/** The first word of trouble that no waiting mends. */
function isFatal(object: KubeObject): boolean {
  switch (object.kind) {
    case 'Pod': {
      const { status } = object as Pod;
      const reasons = (status?.containerStatuses ?? []).map(({ state }) => state?.waiting?.reason ?? '');
      return reasons.some((reason) => FATAL_REASONS.test(reason)) || isUnschedulable(object);
    }
    case 'ReplicaSet':
      return conditionOf(object, 'ReplicaFailure')?.status === 'True';
    case 'Deployment':
      return conditionOf(object, 'Progressing')?.reason === 'ProgressDeadlineExceeded';
    case 'Job':
      return conditionOf(object, 'Failed')?.status === 'True';
    default:
      return (object as KubeEvent).reason === 'FailedMount';
  }
}

function isUnschedulable(pod: KubeObject): boolean {
  const scheduled = conditionOf(pod, 'PodScheduled');
  return scheduled?.status === 'False' && (scheduled.message ?? '').includes('persistentvolumeclaim');
}
