import assert from 'node:assert/strict';
import { ApiError } from '../../../../lib/kube/client/api-error.ts';
import type { KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import type { KubeObject, Pod } from '../../../../lib/kube/objects.ts';
import type { LiveView } from '../../../../lib/kube/readiness/live-view.ts';
import { budgetsOf, pinnedBudgets, switchedBudgets } from '../../../../lib/kube/strategies/budget-move.ts';
import type { MovedBudget } from '../../../../lib/kube/strategies/budget-move.ts';
import { covers } from '../../../../lib/kube/strategies/disruption-budget.ts';
import type { BudgetSelector, DisruptionBudget } from '../../../../lib/kube/strategies/disruption-budget.ts';
import type { StageTools } from '../../../../lib/kube/strategies/stage.ts';
import { Timeline } from '../../../../lib/kube/strategies/timeline.ts';
import { WEB_PLAN, webDeployment } from './deployments.ts';

const WEB = { matchLabels: { app: 'web' } };

function budget(selector: BudgetSelector = WEB, metadata: object = {}): DisruptionBudget {
  return {
    apiVersion: 'policy/v1',
    kind: 'PodDisruptionBudget',
    metadata: { name: 'web', namespace: 'shop', ...metadata },
    spec: { selector },
  };
}

function owned(kind: string, uid: string, by: string, labels: Readonly<Record<string, string>>): KubeObject {
  const ownerReferences = [{ uid: by, kind: 'any', name: 'any' }];
  return { apiVersion: 'v1', kind, metadata: { name: uid, namespace: 'shop', uid, labels, ownerReferences } };
}

const SET = owned('ReplicaSet', 's', 'd', { 'pod-template-hash': '1a' });
const POD = owned('Pod', 'p', 's', { app: 'web', tier: 'front' }) as Pod;
/** The tools of a stage in a cluster with these budgets and pods, and the lines that it tells. */
function toolsOf(list: () => Promise<object>, others: readonly KubeObject[] = []): [StageTools, string[]] {
  const lines: string[] = [];
  const client = { list, document: () => Promise.resolve({ versions: [{ groupVersion: 'policy/v1' }] }) };
  const view = {
    object: () => webDeployment(),
    around: () => ({ pods: [POD, ...others], replicaSets: [SET], events: [] }),
  };
  const tools = {
    client: client as unknown as KubeClient,
    view: view as unknown as LiveView,
    reporter: { line: (text: string) => lines.push(text), group: ignore, warn: ignore, progress: ignore },
    signal: new AbortController().signal,
    force: false,
    application: 'web',
    timeline: new Timeline(),
    begin: () => Promise.resolve(),
  };
  return [tools, lines];
}

const ignore = (): void => undefined;

async function found(items: readonly object[], others: readonly KubeObject[] = []): Promise<readonly MovedBudget[]> {
  const [tools] = toolsOf(() => Promise.resolve({ items }), others);
  return budgetsOf(WEB_PLAN, [], tools);
}

describe('a disruption budget beside blue-green', () => {
  it('is bound to the pods that serve: the old ones first, then the new ones', async () => {
    const selector = { ...WEB, matchExpressions: [{ key: 'tier', operator: 'Exists' }] };
    const budgets = await found([budget(selector)]);
    const [tools] = toolsOf(() => Promise.resolve({ items: [] }));
    const selectorsOf = (steps: readonly { readonly desired: KubeObject }[]): readonly unknown[] =>
      steps.map(({ desired }) => (desired as DisruptionBudget).spec.selector);
    assert.deepEqual(selectorsOf(pinnedBudgets(budgets, tools)), [
      { ...selector, matchLabels: { app: 'web', 'pod-template-hash': '1a' } },
    ]);
    assert.deepEqual(selectorsOf(switchedBudgets(budgets, WEB_PLAN)), [
      { ...selector, matchLabels: { app: 'web', 'model-delivery/track': 'green' } },
    ]);
  });

  it('stays as it is if it covers other pods, too, none of the next version, or has an owner', async () => {
    const other = owned('Pod', 'api', 'x', { app: 'web' });
    assert.deepEqual(await found([budget()], [other]), []);
    const ending = { ...other, metadata: { ...other.metadata, deletionTimestamp: '2026-01-01T00:00:00Z' } };
    assert.equal((await found([budget()], [ending])).length, 1);
    assert.deepEqual(await found([budget({ matchLabels: { app: 'api' } })]), []);
    const ownerReferences = [{ uid: '1', kind: 'Operator', name: 'web' }];
    assert.deepEqual(await found([budget(WEB, { ownerReferences })]), []);
    assert.equal((await found([budget()])).length, 1);
  });

  it('stays as it is if the Role says so, which is told in one line', async () => {
    const asked = { verb: 'list', resource: 'poddisruptionbudgets.policy', namespace: 'shop' };
    const [tools, lines] = toolsOf(() => Promise.reject(new ApiError(403, {}, asked)));
    assert.deepEqual(await budgetsOf(WEB_PLAN, [], tools), []);
    assert.match(lines.join('|'), /^No right to list poddisruptionbudgets\.policy: .*counts the pods of both versions/);
  });

  it('covers what its labels and expressions say together', () => {
    const tier = (operator: string, ...values: readonly string[]): DisruptionBudget =>
      budget({ ...WEB, matchExpressions: [{ key: 'tier', operator, values }] });
    const front = { app: 'web', tier: 'front' };
    assert.deepEqual(
      [tier('In', 'front'), tier('NotIn', 'front'), tier('Exists'), tier('DoesNotExist')].map((one) =>
        covers(one, front),
      ),
      [true, false, true, false],
    );
    assert.deepEqual(
      [tier('In', 'front'), tier('NotIn', 'front'), tier('Exists'), tier('DoesNotExist')].map((one) =>
        covers(one, { app: 'web' }),
      ),
      [false, true, false, true],
    );
    assert.equal(covers(budget({}), front), false);
  });
});
