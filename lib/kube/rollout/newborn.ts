import type { KubeObject } from '../objects.ts';

type Fields = Readonly<Record<string, unknown>>;

/** Labels by which a Job finds its pods; each Job gets its own. */
const JOB_LABELS = ['controller-uid', 'job-name', 'batch.kubernetes.io/controller-uid', 'batch.kubernetes.io/job-name'];

/** An object as it was, to be created anew: without what the cluster gave to that one object alone. */
export function newborn(before: KubeObject): KubeObject {
  const { name, namespace, labels, annotations } = before.metadata;
  const metadata = defined({ name, namespace, labels, annotations }) as unknown as KubeObject['metadata'];
  const spec = specOf(before);
  return { ...before, metadata, ...(spec === undefined ? {} : { spec }) };
}

function specOf({ kind, spec }: KubeObject): unknown {
  if (typeof spec !== 'object' || spec === null) return spec;
  if (kind === 'Pod') return without(spec as Fields, 'nodeName');
  if (kind !== 'Job' || (spec as { readonly manualSelector?: boolean }).manualSelector === true) return spec;
  const { template, ...rest } = without(spec as Fields, 'selector') as Fields & { readonly template?: KubeObject };
  const labels = without(template?.metadata.labels ?? {}, ...JOB_LABELS);
  return { ...rest, template: { ...template, metadata: { ...template?.metadata, labels } } };
}

function without(fields: Fields, ...names: readonly string[]): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
}

function defined(fields: Fields): Fields {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}
