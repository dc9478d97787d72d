import type { Resource } from '../client/resource.ts';
import type { KubeObject } from '../objects.ts';

export const DEPLOYMENTS: Resource = {
  apiVersion: 'apps/v1',
  kind: 'Deployment',
  plural: 'deployments',
  namespaced: true,
};

export type Labels = Readonly<Record<string, string>>;

/** A port of a container, which a Service may call by its name. */
export interface ContainerPort {
  readonly name?: string;
  readonly containerPort: number;
}

export interface PodTemplate {
  readonly metadata?: { readonly labels?: Labels; readonly annotations?: Labels };
  readonly spec: { readonly containers: readonly { readonly ports?: readonly ContainerPort[] }[] };
}

/** The parts of a Deployment that a second one beside it is made from. */
export interface Deployment extends KubeObject {
  readonly spec: {
    readonly replicas?: number;
    readonly selector: { readonly matchLabels?: Labels; readonly matchExpressions?: readonly unknown[] };
    readonly template: PodTemplate;
    readonly strategy?: unknown;
    readonly minReadySeconds?: number;
    readonly progressDeadlineSeconds?: number;
  };
}

/** Whether an object is a Deployment of the API that this task knows. */
export function isDeployment(object: KubeObject): object is Deployment {
  return object.kind === 'Deployment' && object.apiVersion === DEPLOYMENTS.apiVersion;
}

/** The labels that a Deployment gives its pods. */
export function podLabelsOf({ spec }: Deployment): Labels {
  return spec.template.metadata?.labels ?? {};
}

/** The pods that a Deployment asks for; Kubernetes takes 1 where none are given. */
export function replicasOf({ spec }: Deployment): number {
  return spec.replicas ?? 1;
}
