import type { PodPort } from '../client/kube-client.ts';
import type { Resource } from '../client/resource.ts';
import type { KubeObject } from '../objects.ts';
import type { ContainerPort, Deployment, Labels } from './deployment.ts';

export const SERVICES: Resource = { apiVersion: 'v1', kind: 'Service', plural: 'services', namespaced: true };

export interface ServicePort {
  readonly name?: string;
  readonly port: number;
  readonly targetPort?: number | string;
  readonly protocol?: string;
  readonly appProtocol?: string;
}

export interface Service extends KubeObject {
  readonly spec: {
    readonly type?: string;
    readonly selector?: Labels;
    readonly ports?: readonly ServicePort[];
  };
}

export function isService(object: KubeObject): object is Service {
  return object.kind === 'Service' && object.apiVersion === SERVICES.apiVersion;
}

/** Whether a Service sends requests to pods with these labels. One without a selector has its addresses from elsewhere. */
export function reaches({ spec }: Service, labels: Labels): boolean {
  const wanted = Object.entries(spec.selector ?? {});
  return wanted.length > 0 && wanted.every(([key, value]) => labels[key] === value);
}

/** Where a Service's first port leads in the pods of a Deployment, and whether it speaks TLS there. */
export function targetOf({ spec }: Service, { spec: workload }: Deployment): PodPort | undefined {
  const first = spec.ports?.[0];
  if (first === undefined) return undefined;
  const { targetPort = first.port } = first;
  const ports: readonly ContainerPort[] = workload.template.spec.containers.flatMap(({ ports = [] }) => ports);
  const port =
    typeof targetPort === 'number' ? targetPort : ports.find(({ name }) => name === targetPort)?.containerPort;
  const protocol = first.appProtocol ?? first.name ?? '';
  return port === undefined ? undefined : { port, isTls: /^https/i.test(protocol) || first.port === 443 };
}
