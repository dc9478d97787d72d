import type { Step } from '../rollout/plan.ts';
import { podLabelsOf } from './deployment.ts';
import type { Labels } from './deployment.ts';
import { BUDGETS_PLURAL, covers, isBudget, narrowedTo, servedBudgets } from './disruption-budget.ts';
import type { DisruptionBudget } from './disruption-budget.ts';
import { asWritten, besideContenders, ifAllowed, isKept, move, moveStep } from './move.ts';
import type { Movable } from './move.ts';
import { HASH, servingHashOf } from './selector.ts';
import type { StageTools } from './stage.ts';
import type { Contender, StagePlan } from './stage-plan.ts';
import { TRACK } from './track.ts';
import { isOwned } from './version-pods.ts';

/** What it means that budgets may not be moved. */
const WITHOUT = 'a disruption budget counts the pods of both versions meanwhile, whether they serve or not.';

/** A budget of the pods of one Deployment, as it is before anything is changed. */
export interface MovedBudget extends Movable<DisruptionBudget> {
  readonly contender: Contender;
}

/**
 * Finds the budgets that cover pods of the old version alone. A budget that counts pods which do not serve lets as many more
 * of those that do be evicted; so these are bound to the pods that serve, and go along with the requests.
 *
 * @param steps what this run writes: a budget among that is moved in the version of its manifest
 */
export async function budgetsOf(
  plan: StagePlan,
  steps: readonly Step[],
  tools: StageTools,
): Promise<readonly MovedBudget[]> {
  const found = await ifAllowed(BUDGETS_PLURAL, WITHOUT, tools, async () => {
    const resource = await servedBudgets(tools.client, tools.signal);
    const budgets = await besideContenders(resource, isBudget, plan, tools);
    return budgets.flatMap((budget): readonly MovedBudget[] => {
      const contender = plan.contenders.find((one) => isOfAlone(budget, one, tools));
      if (contender === undefined || isKept(budget, tools)) return [];
      return [{ contender, ...asWritten(budget, resource, isBudget, steps) }];
    });
  });
  return found ?? [];
}

/** Whether a budget covers pods of this Deployment, of its next version too, and no others. */
function isOfAlone(budget: DisruptionBudget, { step, next }: Contender, { view }: StageTools): boolean {
  const stable = view.object(step.ref);
  const { pods, replicaSets } = view.around();
  const sets = stable === undefined ? [] : replicaSets.filter((set) => isOwned(set, stable));
  // Pods that are ending, perhaps of a green version before, are nobody's any more.
  const covered = pods.filter(
    ({ metadata: { namespace, deletionTimestamp, labels = {} } }) =>
      namespace === budget.metadata.namespace && deletionTimestamp === undefined && covers(budget, labels),
  );
  const isOwn = covered.length > 0 && covered.every((pod) => sets.some((set) => isOwned(pod, set)));
  return isOwn && step.ref.namespace === budget.metadata.namespace && covers(budget, podLabelsOf(next));
}

/** The steps that bind budgets to the pods that serve now, before pods with the same labels come up. */
export function pinnedBudgets(budgets: readonly MovedBudget[], { view }: StageTools): readonly Step[] {
  return budgets.flatMap((one) => {
    const stable = view.object(one.contender.step.ref);
    const hash = stable === undefined ? undefined : servingHashOf(stable, view.around());
    return hash === undefined ? [] : [boundTo(one, { [HASH]: hash })];
  });
}

/** The steps that bind budgets to the pods of the new version, which serves from now on. */
export function switchedBudgets(budgets: readonly MovedBudget[], { track }: StagePlan): readonly Step[] {
  return budgets.map((one) => boundTo(one, { [TRACK]: track }));
}

function boundTo({ ref, before }: MovedBudget, label: Labels): Step {
  return moveStep(ref, before, narrowedTo(before, label));
}

/** Moves budgets, if the Role lets them be changed. */
export async function moveBudgets(moves: readonly Step[], tools: StageTools): Promise<void> {
  await ifAllowed(BUDGETS_PLURAL, WITHOUT, tools, async () => {
    for (const one of moves) await move(tools.client, one, tools.signal);
  });
}
