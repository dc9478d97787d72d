import { setTimeout as sleep } from 'node:timers/promises';
import { brief } from '../client/api-error.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { PODS } from '../client/resource.ts';
import { conditionOf, titleOf } from '../objects.ts';
import type { ContainerStatus, KubeObject, Pod } from '../objects.ts';
import type { Standing } from '../readiness/await-ready.ts';
import type { LiveView } from '../readiness/live-view.ts';
import { newestPodsOf, newestReplicaSetOf } from '../readiness/owned-pods.ts';
import { endOf, symptomsOfPod } from '../readiness/pod-symptoms.ts';
import type { Surroundings, Symptom } from '../readiness/verdict.ts';
import { eventLines, isWarning } from './event-lines.ts';

/** Pods of one workload mostly fail alike; the first ones tell all there is to know. */
const PODS_EACH = 3;
const LOG_LINES = 50;
/** Evidence is gathered before anything is put back, but it must not hold that up for long: milliseconds. */
const TIME_LIMIT = 10_000;
/** A pod's status may tell of trouble so much before the event that explains it: milliseconds. */
const EVENTS_LAG = 2_000;

/** What was found out about one pod or object: a title, and lines below it. */
export interface Finding {
  readonly title: string;
  readonly lines: readonly string[];
}

/**
 * Gathers the evidence of a failed rollout: for each object that is not ready, the pods that hold it up, with the state
 * of their containers, the last lines of a crashed one's log, their events, and what to do.
 *
 * @param stopped the run was told to stop: what is known by then must do
 */
export async function diagnose(
  client: KubeClient,
  view: LiveView,
  standings: readonly Standing[],
  stopped: AbortSignal,
): Promise<readonly Finding[]> {
  const signal = AbortSignal.any([stopped, AbortSignal.timeout(TIME_LIMIT)]);
  const troubled = standings.filter(({ verdict }) => verdict.state === 'waiting');
  await awaitEvents(view, troubled, signal);
  const around = view.around();
  const all = troubled.map(async ({ target, verdict }) => {
    const live = view.object(target.ref) ?? target.written;
    const pods = worstFirst(newestPodsOf(live, around), around).slice(0, PODS_EACH);
    const findings = await Promise.all(pods.map((pod) => findingOfPod(client, pod, around, signal)));
    const advised = findings.flatMap(({ lines }) => lines);
    const advice = adviceOf(verdict.state === 'waiting' ? verdict.symptoms : []).filter(
      (line) => !advised.includes(line),
    );
    return [...findingOf(live, verdict.detail, advice, around), ...findings];
  });
  return [...(await Promise.all(all)).flat(), ...(view.hidesEvents ? [EVENTS_HIDDEN] : [])];
}

const EVENTS_HIDDEN: Finding = {
  title: 'Events cannot be read, so a cause that only they tell is not said here',
  lines: ['→ Give the account of the connection the verbs list and watch on events; docs/rollout-role.yml has them.'],
};

/** Waits a moment for the events of pods that are in trouble. */
async function awaitEvents(view: LiveView, troubled: readonly Standing[], signal: AbortSignal): Promise<void> {
  const end = Date.now() + EVENTS_LAG;
  const isUnexplained = (): boolean => {
    const around = view.around();
    const warned = new Set(around.events.filter(isWarning).map(({ involvedObject }) => involvedObject.uid));
    const pods = troubled.flatMap(({ target }) => newestPodsOf(view.object(target.ref) ?? target.written, around));
    return pods.some((pod) => symptomsOfPod(pod, around.events).length > 0 && !warned.has(pod.metadata.uid));
  };
  // What ends the view is told elsewhere; what it has shown so far is still evidence.
  while (Date.now() < end && !signal.aborted && isUnexplained()) await view.changed(100).catch(() => sleep(100));
}

function worstFirst(pods: readonly Pod[], around: Surroundings): readonly Pod[] {
  const rank = (pod: Pod): number => (symptomsOfPod(pod, around.events).length > 0 ? 0 : 1);
  return pods
    .filter((pod) => conditionOf(pod, 'Ready')?.status !== 'True')
    .toSorted((one, other) => rank(one) - rank(other));
}

/** What the object itself and its ReplicaSet have to say; nothing, where the pods say it all. */
function findingOf(
  live: KubeObject,
  detail: string,
  advice: readonly string[],
  around: Surroundings,
): readonly Finding[] {
  const uids = [live.metadata.uid, newestReplicaSetOf(live, around)?.metadata.uid];
  const events = eventLines(around.events.filter(({ involvedObject }) => uids.includes(involvedObject.uid)));
  const lines = [...events, ...advice];
  return lines.length === 0 ? [] : [{ title: `${titleOf(live)}: ${detail}`, lines }];
}

async function findingOfPod(client: KubeClient, pod: Pod, around: Surroundings, signal: AbortSignal): Promise<Finding> {
  const statuses = [...(pod.status?.initContainerStatuses ?? []), ...(pod.status?.containerStatuses ?? [])];
  const unready = statuses.filter((status) => !status.ready && status.state?.terminated?.exitCode !== 0);
  const symptoms = symptomsOfPod(pod, around.events);
  const logs = await Promise.all(unready.map((status) => logOf(client, pod, status, signal)));
  const scheduled = conditionOf(pod, 'PodScheduled');
  return {
    title: `Pod ${pod.metadata.name}: ${headlineOf(pod, unready)}`,
    lines: [
      ...unready.map(stateLine),
      ...(scheduled?.status === 'False' ? [`not scheduled: ${brief(scheduled.message ?? '')}`] : []),
      ...logs.flat(),
      ...eventLines(around.events.filter(({ involvedObject }) => involvedObject.uid === pod.metadata.uid)),
      ...adviceOf(symptoms),
    ],
  };
}

/** One sentence of what to do for each kind of trouble. */
function adviceOf(symptoms: readonly Symptom[]): readonly string[] {
  return [...new Set(symptoms.map(({ remedy }) => `→ ${remedy}`))];
}

function headlineOf(pod: Pod, unready: readonly ContainerStatus[]): string {
  const reasons = unready.map(({ state }) => state?.waiting?.reason ?? state?.terminated?.reason);
  const named = reasons.find((reason) => reason !== undefined);
  const running = unready.some(({ state }) => state?.running !== undefined);
  return named ?? (running ? 'running, but not ready' : (pod.status?.reason ?? pod.status?.phase ?? 'Pending'));
}

/** `container app: waiting, CrashLoopBackOff; ended before with exit code 1; 3 restarts`. */
function stateLine({ name, state, lastState, restartCount }: ContainerStatus): string {
  const told = (reason = '', message = ''): string => [reason, brief(message)].filter((part) => part !== '').join(': ');
  const now =
    state?.waiting !== undefined
      ? `waiting, ${told(state.waiting.reason, state.waiting.message)}`
      : state?.terminated !== undefined
        ? `ended with ${endOf(state.terminated)}`
        : 'running, but not ready';
  const before = lastState?.terminated;
  const parts = [
    `container ${name}: ${now}`,
    ...(before === undefined
      ? []
      : [
          `ended before with ${endOf(before)}${told('', before.message) === '' ? '' : `: ${brief(before.message ?? '')}`}`,
        ]),
    ...(restartCount > 0 ? [`${restartCount} restarts`] : []),
  ];
  return parts.join('; ');
}

/** The last lines of the run of a container that went wrong. */
async function logOf(
  client: KubeClient,
  pod: Pod,
  status: ContainerStatus,
  signal: AbortSignal,
): Promise<readonly string[]> {
  const hasEnded = status.lastState?.terminated !== undefined;
  const isUp = status.state?.running !== undefined || status.state?.terminated !== undefined;
  if (!hasEnded && !isUp) return [];
  const previous = hasEnded && status.state?.terminated === undefined;
  const ref = { resource: PODS, namespace: pod.metadata.namespace, name: pod.metadata.name };
  try {
    const text = await client.log(ref, status.name, { previous, lines: LOG_LINES }, signal);
    const lines = text.trimEnd().split('\n');
    if (lines.length === 1 && lines[0] === '') return [`container ${status.name} wrote no log`];
    return [`last lines of container ${status.name}:`, ...lines.map((line) => `  | ${line}`)];
  } catch {
    if (signal.aborted) return [`the log of container ${status.name} was not read in time`];
    return [`the log of container ${status.name} cannot be read; does the account of the connection have pods/log?`];
  }
}
