import type { KubeClient } from '../client/kube-client.ts';
import type { Resource } from '../client/resource.ts';
import type { KubeObject } from '../objects.ts';
import type { Labels } from './deployment.ts';

/** A requirement that the labels of a pod meet or not. */
export interface Requirement {
  readonly key: string;
  readonly operator: string;
  readonly values?: readonly string[];
}

/** A PodDisruptionBudget: what all versions of its API have in common. */
export interface DisruptionBudget extends KubeObject {
  readonly spec: {
    readonly selector?: { readonly matchLabels?: Labels; readonly matchExpressions?: readonly Requirement[] };
  };
}

/** Which pods a budget covers. */
export type BudgetSelector = NonNullable<DisruptionBudget['spec']['selector']>;

const KIND = 'PodDisruptionBudget';
export const BUDGETS_PLURAL = 'poddisruptionbudgets';

/** Budgets as the cluster serves them: in version 1 since 1.21, before that as a beta. */
export async function servedBudgets(client: KubeClient, signal: AbortSignal): Promise<Resource> {
  const group = await client.document<{ readonly versions: readonly { readonly groupVersion: string }[] }>(
    '/apis/policy',
    signal,
  );
  const isOne = group?.versions.some(({ groupVersion }) => groupVersion === 'policy/v1') === true;
  return { apiVersion: isOne ? 'policy/v1' : 'policy/v1beta1', kind: KIND, plural: BUDGETS_PLURAL, namespaced: true };
}

export function isBudget(object: KubeObject): object is DisruptionBudget {
  return object.kind === KIND && object.apiVersion.startsWith('policy/');
}

/** Whether a budget covers pods with these labels. One without a selector means different things in different versions. */
export function covers({ spec }: DisruptionBudget, labels: Labels): boolean {
  const { matchLabels = {}, matchExpressions = [] } = spec.selector ?? {};
  const wanted = Object.entries(matchLabels);
  if (wanted.length + matchExpressions.length === 0) return false;
  return wanted.every(([key, value]) => labels[key] === value) && matchExpressions.every((one) => isMetBy(one, labels));
}

function isMetBy({ key, operator, values = [] }: Requirement, labels: Labels): boolean {
  const value = labels[key];
  switch (operator) {
    case 'In':
      return value !== undefined && values.includes(value);
    case 'NotIn':
      return value === undefined || !values.includes(value);
    case 'Exists':
      return value !== undefined;
    default:
      return value === undefined;
  }
}

/** A selector that covers, of those pods, only the ones with this label too. */
export function narrowedTo({ spec }: DisruptionBudget, label: Labels): BudgetSelector {
  return { ...spec.selector, matchLabels: { ...spec.selector?.matchLabels, ...label } };
}
