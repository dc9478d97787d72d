import { keyOf } from '../application/footprint.ts';
import type { ObjectRef } from '../client/resource.ts';
import type { Step } from '../rollout/plan.ts';
import { podLabelsOf } from './deployment.ts';
import type { Labels } from './deployment.ts';
import { BUDGETS_PLURAL, covers, isBudget, narrowedTo, servedBudgets } from './disruption-budget.ts';
import type { DisruptionBudget } from './disruption-budget.ts';
import { ifAllowed, isKept, move, moveStep } from './move.ts';
import { HASH, servingHashOf } from './selector.ts';
import type { StageTools } from './stage.ts';
import type { Contender, StagePlan } from './stage-plan.ts';
import { TRACK } from './track.ts';
import { isOwned } from './version-pods.ts';

/** What it means that budgets may not be moved. */
const WITHOUT = 'a disruption budget counts the pods of both versions meanwhile, whether they serve or not.';

/** A budget of the pods of one Deployment, as it is before anything is changed. */
export interface MovedBudget {
  readonly contender: Contender;
  readonly ref: ObjectRef;
  readonly before: DisruptionBudget;
}

/**
 * Finds the budgets that cover pods of the old version alone. A budget that counts pods which do not serve lets as many more
 * of those that do be evicted; so these are bound to the pods that serve, and go along with the requests.
 *
 * @param steps what this run writes: a budget among that is moved in the version of its manifest
 */
export async function budgetsOf(
  { contenders }: StagePlan,
  steps: readonly Step[],
  tools: StageTools,
): Promise<readonly MovedBudget[]> {
  const { client, signal } = tools;
  const namespaces = new Set(contenders.map(({ step }) => step.ref.namespace));
  const found = await ifAllowed(BUDGETS_PLURAL, WITHOUT, tools, async () => {
    const resource = await servedBudgets(client, signal);
    const lists = await Promise.all([...namespaces].map((one) => client.list(resource, one, {}, signal)));
    const budgets = lists.flatMap(({ items }) => items).filter(isBudget);
    return budgets.flatMap((budget): readonly MovedBudget[] => {
      const contender = contenders.find((one) => isOfAlone(budget, one, tools));
      if (contender === undefined || isKept(budget, tools)) return [];
      const { name, namespace } = budget.metadata;
      return [{ contender, ...asWritten({ resource, namespace, name }, budget, steps) }];
    });
  });
  return found ?? [];
}

/** A budget of which this run has a manifest is written in the version of that, before and after. */
function asWritten(
  ref: ObjectRef,
  budget: DisruptionBudget,
  steps: readonly Step[],
): Pick<MovedBudget, 'ref' | 'before'> {
  const own = steps.find((step) => keyOf(step.ref) === keyOf(ref));
  const before = own?.before;
  return own !== undefined && before !== undefined && isBudget(before)
    ? { ref: own.ref, before }
    : { ref, before: budget };
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
