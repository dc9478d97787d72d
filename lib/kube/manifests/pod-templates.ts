import type { KubeObject } from '../objects.ts';

type Fields = Readonly<Record<string, unknown>>;

/** A container as far as manifests of every kind agree on it. */
export interface Container {
  readonly image?: unknown;
}

/** What pods are made of: a Pod itself, or a pod template in an object of any kind. */
export interface PodTemplate {
  readonly metadata?: {
    readonly labels?: Readonly<Record<string, string>>;
    readonly annotations?: Readonly<Record<string, string>>;
    readonly [field: string]: unknown;
  };
  readonly spec: {
    readonly containers: readonly Container[];
    readonly initContainers?: readonly Container[];
    readonly imagePullSecrets?: readonly { readonly name: string }[];
    readonly [field: string]: unknown;
  };
}

/**
 * Rewrites the pod templates of an object, wherever its kind keeps them: the job template of a CronJob, the roles of a
 * custom resource. A Pod is one itself. The object's own place is `[]`.
 */
export function mapPodTemplates(
  object: KubeObject,
  change: (template: PodTemplate, place: readonly string[]) => PodTemplate,
): KubeObject {
  const rewrite = (value: unknown, place: readonly string[]): unknown => {
    if (Array.isArray(value)) return value.map((child: unknown, index) => rewrite(child, [...place, String(index)]));
    if (!isFields(value)) return value;
    if (isPodTemplate(value)) return change(value, place);
    const children = Object.entries(value).filter(([key]) => key !== 'metadata' && key !== 'status');
    return { ...value, ...Object.fromEntries(children.map(([key, child]) => [key, rewrite(child, [...place, key])])) };
  };
  return rewrite(object, []) as KubeObject;
}

/** The pod templates of an object, each with its place in it. */
export function podTemplatesOf(object: KubeObject): ReadonlyMap<string, PodTemplate> {
  const found = new Map<string, PodTemplate>();
  mapPodTemplates(object, (template, place) => {
    found.set(place.join('/'), template);
    return template;
  });
  return found;
}

/** The images of a pod's containers, those that run first included. */
export function imagesOfPod({ spec }: PodTemplate): readonly string[] {
  return [...(spec.initContainers ?? []), ...spec.containers].flatMap(({ image }) =>
    typeof image === 'string' ? [image] : [],
  );
}

function isPodTemplate(value: Fields): value is Fields & PodTemplate {
  const { spec } = value;
  return isFields(spec) && Array.isArray(spec.containers) && spec.containers.every(isFields);
}

function isFields(value: unknown): value is Fields {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
