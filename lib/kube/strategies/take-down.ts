import { setTimeout as sleep } from 'node:timers/promises';
import type { Footprint } from '../application/footprint.ts';
import type { KubeClient } from '../client/kube-client.ts';
import { untilReached } from '../client/until-reached.ts';
import type { LiveView } from '../readiness/live-view.ts';
import { restore } from '../rollout/restore.ts';
import type { Restoration } from '../rollout/restore.ts';
import type { Labels } from './deployment.ts';
import { isMove, moveBack } from './move.ts';
import { HASH } from './selector.ts';
import { isService } from './service.ts';
import type { Service } from './service.ts';
import { selectorOf, setSelector } from './service-switch.ts';
import { isTemporary } from './temporary.ts';
import { TRACK } from './track.ts';
import { isServing } from './version-pods.ts';

/** Pods stop being reached as soon as they are told to end, which comes a moment after their Deployment is deleted. */
const ENDING = 3_000;

export interface TakeDownTools {
  readonly client: KubeClient;
  readonly view: LiveView;
  /** Ends the attempt. */
  readonly signal: AbortSignal;
  /** How long nodes may take to follow a Service that is switched, in milliseconds, before pods that it reached end. */
  readonly followMs: number;
}

/**
 * After a promotion: Services reach the pods that their manifests mean, which run the new version by now, autoscalers scale
 * these, and what was beside them goes. In this order, so that requests always find pods.
 *
 * @param staged what the strategy has written
 * @param wanted a Service as its manifest wants it, or as it was
 */
export async function takeDown(
  staged: readonly Footprint[],
  wanted: (service: Service) => Service,
  tools: TakeDownTools,
): Promise<Restoration> {
  const { client, signal, followMs } = tools;
  const services = staged.filter(isSwitch);
  for (const { ref, before } of services) {
    if (before === undefined || !isService(before)) continue;
    const next = wanted(before);
    await untilReached(() => setSelector(client, ref, selectorOf(next), signal), signal);
    // A Service without a manifest becomes what it was, owners and all; of another one its manifest has the last word.
    if (next === before) await restore(client, [{ ref, before, desired: before }], signal);
  }
  for (const moved of staged.filter(isMove)) await untilReached(() => moveBack(client, moved, signal), signal);
  if (services.length > 0) await followed(followMs, signal);
  return removed(staged.filter(isTemporary), tools);
}

/** Whether a footprint is that of a Service whose requests were sent elsewhere. */
function isSwitch({ before }: Footprint): boolean {
  return before !== undefined && isService(before);
}

/**
 * Goes back: all requests to the stable version first, and the autoscalers with them; then everything that the strategy has
 * written is put back or removed. Where requests cannot be sent back, it throws, and what they reach stays.
 */
export async function goBack(staged: readonly Footprint[], tools: TakeDownTools): Promise<Restoration> {
  const { client, view, signal, followMs } = tools;
  const services = staged.filter(isSwitch);
  await view.openWhenReached(
    services.map(({ ref }) => ref),
    signal,
  );
  let isSwitchedBack = false;
  for (const footprint of services) {
    const { ref } = footprint;
    const live = selectorOf(await untilReached(() => client.get(ref, signal), signal));
    if (live[TRACK] === undefined) continue;
    await untilReached(() => setSelector(client, ref, stableSelector(footprint, view), signal), signal);
    isSwitchedBack = true;
  }
  for (const moved of staged.filter(isMove)) await untilReached(() => moveBack(client, moved, signal), signal);
  if (isSwitchedBack) await followed(followMs, signal);
  const others = await removed(
    staged.filter(({ before }) => before === undefined),
    tools,
  );
  if (services.length > 0) await untilUnreached(view, signal);
  const back = await restore(client, services, signal);
  return {
    putBack: [...others.putBack, ...back.putBack],
    removed: [...others.removed, ...back.removed],
    failures: [...others.failures, ...back.failures],
  };
}

/**
 * The selector that reaches the stable pods alone; those of the new version carry their labels too. Where none of them
 * serves any more (a promotion was cut short), the one that reaches whatever does.
 */
function stableSelector({ before, desired }: Footprint, view: LiveView): Labels {
  const pinned = selectorOf(desired);
  const { pods } = view.around();
  const reached = pods.some((pod) => isServing(pod) && pod.metadata.labels?.[HASH] === pinned[HASH]);
  return reached ? pinned : selectorOf(before);
}

/** Gives the nodes time; throws the reason of the signal where that ends it. */
async function followed(followMs: number, signal: AbortSignal): Promise<void> {
  await sleep(followMs, undefined, { signal }).catch(() => signal.throwIfAborted());
}

async function removed(
  footprints: readonly Footprint[],
  { client, view, signal }: TakeDownTools,
): Promise<Restoration> {
  await view.openWhenReached(
    footprints.map(({ ref }) => ref),
    signal,
  );
  return restore(client, footprints, signal);
}

/** Waits until no pod of a new version can be reached any more. */
async function untilUnreached(view: LiveView, signal: AbortSignal): Promise<void> {
  const end = Date.now() + ENDING;
  const reached = (): boolean =>
    view.around().pods.some((pod) => pod.metadata.labels?.[TRACK] !== undefined && isServing(pod));
  while (reached() && Date.now() < end && !signal.aborted) await view.changed(200);
}
