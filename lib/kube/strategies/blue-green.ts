import { DeliveryError } from '../../errors/delivery-error.ts';
import type { KubeObject } from '../objects.ts';
import { titleOf } from '../objects.ts';
import type { Surroundings } from '../readiness/verdict.ts';
import type { Step } from '../rollout/plan.ts';
import { moveAutoscalers } from './autoscaler-move.ts';
import { budgetsOf, moveBudgets, pinnedBudgets, switchedBudgets } from './budget-move.ts';
import type { MovedBudget } from './budget-move.ts';
import { isService, reaches } from './service.ts';
import type { Service } from './service.ts';
import { pinnedTo, previewOf, servingHashOf, switchedTo } from './selector.ts';
import { refOf, selectorOf, selectorStep, setSelector } from './service-switch.ts';
import type { Stage, StageTools } from './stage.ts';
import type { Contender, StagePlan } from './stage-plan.ts';
import { refuseTaken, temporaryStep } from './temporary.ts';
import { isServing, servingPodsOf } from './version-pods.ts';

export interface BlueGreenRules {
  /** How long the old version is kept after the switch, in milliseconds, while the new one is watched. */
  readonly keepMs: number;
}

/** One Service that is switched from the old version to the new one. */
export interface Switched {
  readonly contender: Contender;
  /** As it is before anything is changed. */
  readonly before: Service;
  /** As its manifest wants it; where there is none, as it is. */
  readonly wanted: Service;
}

/**
 * Brings a new version up beside the old one, out of reach of its Service, tries it, and then sends all requests to it
 * by one write; autoscalers and disruption budgets go with them. Throws what it failed.
 *
 * @param steps what this run writes after that
 */
export async function switchOver(
  stage: Stage,
  steps: readonly Step[],
  { keepMs }: BlueGreenRules,
  tools: StageTools,
): Promise<void> {
  const { client, view, reporter, signal, application } = tools;
  const { track } = stage.plan;
  const services = switchedBy(stage.plan, steps);
  const asMany = (stable: number): number => Math.max(1, stable);
  const previews = services.map(({ wanted }) => temporaryStep(previewOf(wanted, track, application)));
  for (const one of services) refuseShared(one, view.object(one.contender.step.ref), view.around());
  await refuseTaken(client, previews, signal);
  const budgets = await budgetsOf(stage.plan, steps, tools);
  await stage.layGround();
  await pin(services, budgets, tools);
  await stage.bring(previews);
  await stage.scale(asMany);
  await stage.tryFor('preview', 0);
  // The old version may have been scaled meanwhile.
  await stage.scale(asMany);
  await Promise.all(
    services.map(({ before, wanted }) => setSelector(client, refOf(before), switchedTo(track, wanted), signal)),
  );
  stage.timeline.mark('switched');
  reporter.line(`Switched: ${services.map(({ before }) => titleOf(before)).join(', ')} → the new version`);
  await moveBudgets(switchedBudgets(budgets, stage.plan), tools);
  await moveAutoscalers(stage.plan, steps, tools);
  await stage.tryFor('serving', keepMs);
}

/** Holds the requests, and budgets, on the pods that serve now, before pods with the same labels come up. */
async function pin(services: readonly Switched[], budgets: readonly MovedBudget[], tools: StageTools): Promise<void> {
  const { client, view, signal, begin } = tools;
  const pins = services.map(({ before, contender }) => {
    const stable = view.object(contender.step.ref);
    const hash = stable === undefined ? undefined : servingHashOf(stable, view.around());
    return selectorStep(before, hash === undefined ? (before.spec.selector ?? {}) : pinnedTo(hash, before));
  });
  const bound = pinnedBudgets(budgets, tools);
  await begin([...pins, ...bound]);
  await Promise.all(pins.map((step) => setSelector(client, step.ref, selectorOf(step.desired), signal)));
  await moveBudgets(bound, tools);
}

/** The Services that reach the contenders, each once. */
function switchedBy({ contenders }: StagePlan, steps: readonly Step[]): readonly Switched[] {
  return contenders.flatMap((contender) =>
    contender.services.map((before) => ({ contender, before, wanted: wantedOf(before, steps) })),
  );
}

/** A Service as its manifest wants it; as it is, where there is none. */
export function wantedOf(service: Service, steps: readonly Step[]): Service {
  const { name, namespace } = service.metadata;
  const own = steps.find(
    ({ ref, desired }) => isService(desired) && ref.name === name && ref.namespace === namespace,
  )?.desired;
  return own !== undefined && isService(own) ? own : service;
}

/** A Service that reaches pods of others too would leave them behind when it is switched. */
function refuseShared({ before, contender }: Switched, stable: KubeObject | undefined, around: Surroundings): void {
  const own = new Set(stable === undefined ? [] : servingPodsOf(stable, around).map(({ metadata }) => metadata.uid));
  const other = around.pods.find(
    (pod) =>
      pod.metadata.namespace === before.metadata.namespace &&
      isServing(pod) &&
      reaches(before, pod.metadata.labels ?? {}) &&
      !own.has(pod.metadata.uid),
  );
  if (other === undefined) return;
  throw new DeliveryError('SERVICE_SHARED', {
    message: `${titleOf(before)} reaches not only pods of ${contender.step.title} but also ${other.metadata.name}, so it cannot be switched from one to the other.`,
    remedy: 'Give the Service a selector that only this Deployment matches, or use the strategy canary or rolling.',
  });
}
