import type { Footprint } from '../application/footprint.ts';
import type { KubeClient } from '../client/kube-client.ts';
import type { ObjectRef } from '../client/resource.ts';
import { awaitReady } from '../readiness/await-ready.ts';
import type { LiveView } from '../readiness/live-view.ts';
import type { Target } from '../readiness/verdict.ts';
import type { RolloutReporter } from '../reporter.ts';
import type { Step } from '../rollout/plan.ts';
import { AUTOSCALERS, isAutoscaler, scales, targetNameOf } from './autoscaler.ts';
import type { Autoscaler } from './autoscaler.ts';
import { DEPLOYMENTS, isDeployment, replicasOf } from './deployment.ts';
import { replaceKeepingOwners } from './keeping-owners.ts';
import { asWritten, besideContenders, ifAllowed, isKept, move, moveStep } from './move.ts';
import type { StageTools } from './stage.ts';
import type { StagePlan } from './stage-plan.ts';
import { nameBeside } from './track.ts';

/**
 * Has the autoscalers of the old version scale the new one, which gets the requests from now on.
 *
 * @param steps what this run writes: an autoscaler among that is moved in the version of its manifest
 */
export async function moveAutoscalers(plan: StagePlan, steps: readonly Step[], tools: StageTools): Promise<void> {
  const { client, reporter, signal, begin } = tools;
  const without =
    'where an autoscaler scales the old version, the new one keeps its number of pods until it is promoted.';
  await ifAllowed(AUTOSCALERS.plural, without, tools, async () => {
    const moves = await movesFor(plan, steps, tools);
    if (moves.length === 0) return;
    await begin(moves);
    for (const one of moves) {
      await move(client, one, signal);
      reporter.line(`${one.title} → Deployment/${targetNameOf(one.desired) ?? ''}`);
    }
  });
}

async function movesFor(plan: StagePlan, steps: readonly Step[], tools: StageTools): Promise<readonly Step[]> {
  const autoscalers = await besideContenders(AUTOSCALERS, isAutoscaler, plan, tools);
  return plan.contenders.flatMap(({ step: { ref } }) =>
    autoscalers
      .filter((autoscaler) => scales(autoscaler, ref) && !isKept(autoscaler, tools))
      .map((autoscaler) => moveOf(autoscaler, nameBeside(ref.name, plan.track), steps)),
  );
}

function moveOf(live: Autoscaler, name: string, steps: readonly Step[]): Step {
  const { ref, before } = asWritten(live, AUTOSCALERS, isAutoscaler, steps);
  return moveStep(ref, before, { ...live.spec.scaleTargetRef, name });
}

export interface CapacityTools {
  readonly client: KubeClient;
  readonly view: LiveView;
  readonly reporter: RolloutReporter;
  readonly signal: AbortSignal;
}

/**
 * Brings Deployments whose autoscalers were moved to at least as many pods as the new version beside them has, and waits
 * for these, so that they can take its requests. From then on the autoscalers decide again.
 */
export async function bringUp(staged: readonly Footprint[], tools: CapacityTools): Promise<void> {
  const { client, view, reporter, signal } = tools;
  const targets: Target[] = [];
  for (const moved of staged.filter(({ desired }) => isAutoscaler(desired))) {
    const grown = await grow(client, moved, signal);
    if (grown !== undefined) targets.push(grown);
  }
  if (targets.length === 0) return;
  await view.open(targets.map(({ ref }) => ref));
  await awaitReady(targets, view, { reporter, signal });
}

/** Writes the larger number of pods; undefined if there is nothing to do. */
async function grow(
  client: KubeClient,
  { ref, before, desired }: Footprint,
  signal: AbortSignal,
): Promise<Target | undefined> {
  const beside = targetNameOf(desired);
  // Somebody has moved it back already: then the Deployment has the size that it wants.
  if (targetNameOf(await client.get(ref, signal)) !== beside) return undefined;
  const refOf = (name = ''): ObjectRef => ({ resource: DEPLOYMENTS, namespace: ref.namespace, name });
  const stable = refOf(targetNameOf(before));
  const [live, next] = await Promise.all([client.get(stable, signal), client.get(refOf(beside), signal)]);
  if (live === undefined || next === undefined || !isDeployment(live) || !isDeployment(next)) return undefined;
  if (replicasOf(next) <= replicasOf(live)) return undefined;
  const change = { field: 'replicas', path: '/spec/replicas', value: replicasOf(next) };
  const written = await replaceKeepingOwners(client, { ref: stable, live }, change, signal);
  return { ref: stable, written, wantsNone: false };
}
