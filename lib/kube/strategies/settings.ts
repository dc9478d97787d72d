import type { KubeObject } from '../objects.ts';
import { nameBeside, TEMPORARY } from './track.ts';
import type { Track } from './track.ts';

/** A ConfigMap or Secret of which the new version has a copy of its own. */
export interface Renamed {
  readonly kind: 'ConfigMap' | 'Secret';
  readonly from: string;
  readonly to: string;
}

/** Whether pods take settings from objects of this kind. */
export function isSettings(object: KubeObject): boolean {
  return object.apiVersion === 'v1' && (object.kind === 'ConfigMap' || object.kind === 'Secret');
}

export function renamed({ kind, metadata }: KubeObject, track: Track): Renamed {
  return {
    kind: kind === 'Secret' ? 'Secret' : 'ConfigMap',
    from: metadata.name,
    to: nameBeside(metadata.name, track),
  };
}

/** A copy of changed settings for the pods of the new version: those of the old one go on with what they have. */
export function copyOf(next: KubeObject, { to }: Renamed, application: string): KubeObject {
  const { namespace, labels } = next.metadata;
  const content = Object.entries(next).filter(([field]) => ['data', 'binaryData', 'type', 'immutable'].includes(field));
  return {
    apiVersion: next.apiVersion,
    kind: next.kind,
    metadata: {
      name: to,
      ...(namespace === undefined ? {} : { namespace }),
      labels: { ...labels, [TEMPORARY]: application },
    },
    ...Object.fromEntries(content),
  };
}

/** The ConfigMaps and Secrets that a pod spec names, as `ConfigMap/name`. */
export function settingsNamedIn(podSpec: object): ReadonlySet<string> {
  const named = new Set<string>();
  eachReference(podSpec, (kind, name) => {
    named.add(`${kind}/${name}`);
    return name;
  });
  return named;
}

/** A pod spec that takes its settings from the copies. */
export function withOwnSettings<Spec extends object>(podSpec: Spec, settings: readonly Renamed[]): Spec {
  return eachReference(
    podSpec,
    (kind, name) => settings.find((one) => one.kind === kind && one.from === name)?.to ?? name,
  ) as Spec;
}

/** Fields of a pod spec that name a ConfigMap or Secret, and the field within them that holds the name. */
const REFERENCES: Readonly<Record<string, { readonly kind: Renamed['kind']; readonly field: string }>> = {
  // envFrom, env.valueFrom
  configMapRef: { kind: 'ConfigMap', field: 'name' },
  secretRef: { kind: 'Secret', field: 'name' },
  configMapKeyRef: { kind: 'ConfigMap', field: 'name' },
  secretKeyRef: { kind: 'Secret', field: 'name' },
  // volumes, and the sources of projected ones; a volume names a Secret by another field than a source does
  configMap: { kind: 'ConfigMap', field: 'name' },
  secret: { kind: 'Secret', field: 'name' },
};
const IN_VOLUME = 'secretName';
const PULL_SECRETS = 'imagePullSecrets';

type Rename = (kind: Renamed['kind'], name: string) => string;

function eachReference(value: unknown, rename: Rename): unknown {
  if (Array.isArray(value)) return value.map((item) => eachReference(item, rename));
  if (!isRecord(value)) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, child]) => {
      if (key === PULL_SECRETS && Array.isArray(child)) {
        return [key, child.map((item: unknown) => renameIn(item, 'Secret', 'name', rename))];
      }
      const reference = REFERENCES[key];
      if (reference === undefined || !isRecord(child)) return [key, eachReference(child, rename)];
      const field = reference.kind === 'Secret' && IN_VOLUME in child ? IN_VOLUME : reference.field;
      return [key, renameIn(child, reference.kind, field, rename)];
    }),
  );
}

function renameIn(value: unknown, kind: Renamed['kind'], field: string, rename: Rename): unknown {
  if (!isRecord(value)) return value;
  const name = value[field];
  return typeof name === 'string' ? { ...value, [field]: rename(kind, name) } : value;
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
