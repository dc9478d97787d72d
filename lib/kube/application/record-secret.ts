import { DeliveryError } from '../../errors/delivery-error.ts';
import type { KubeObject } from '../objects.ts';
import { describeApplication, keptName } from './application.ts';
import type { Application } from './application.ts';
import type { ApplicationRecord, Pending, Revision, Unfinished } from './record.ts';
import type { Packed } from './packed.ts';

/** Says what the Secret is, so that nobody takes it for one of an app. */
export const RECORD_TYPE = 'model-delivery/application';
const SCHEMA = 1;
/** Kubernetes refuses a Secret whose values together are above 1 MiB. */
const MAX_BYTES = 1024 * 1024 - 16 * 1024;

/** The part of the record that is small and plain, for people with kubectl too. */
interface Index {
  readonly schema: number;
  readonly objects: ApplicationRecord['objects'];
  readonly revisions: readonly Omit<Revision, 'manifests'>[];
  readonly unfinished?: Omit<Unfinished, 'footprints'>;
  readonly pending?: Omit<Pending, 'manifests' | 'footprints'>;
}

type Values = Readonly<Record<string, string>>;

/**
 * The record as the Secret in which the cluster keeps it: the manifests may hold Secrets themselves. Where that would
 * be too large, the oldest revisions are left out.
 *
 * @throws DeliveryError `RECORD_TOO_LARGE`
 */
export function secretOf(application: Application, record: ApplicationRecord): KubeObject {
  const data = valuesOf(record);
  const bytes = Object.values(data).reduce((sum, value) => sum + value.length * 0.75, 0);
  if (bytes > MAX_BYTES) {
    const [, ...revisions] = record.revisions;
    if (revisions.length > 0) return secretOf(application, { ...record, revisions });
    throw new DeliveryError('RECORD_TOO_LARGE', {
      message: `What must be kept about the ${describeApplication(application)}, to put it back, is ${Math.round(bytes / 1024)} KiB, and a Secret holds 1024.`,
      remedy: 'Roll it out in several steps, each with an applicationName of its own: large definitions first.',
    });
  }
  const { namespace } = application;
  const labels = { 'app.kubernetes.io/managed-by': 'model-delivery' };
  return {
    apiVersion: 'v1',
    kind: 'Secret',
    metadata: { name: keptName(application), namespace, labels },
    type: RECORD_TYPE,
    data,
  };
}

function valuesOf({ objects, revisions, unfinished, pending }: ApplicationRecord): Values {
  const index: Index = {
    schema: SCHEMA,
    objects,
    revisions: revisions.map(({ number, at, run, images, restores }) => ({
      number,
      at,
      run,
      images,
      ...(restores === undefined ? {} : { restores }),
    })),
    ...(unfinished === undefined ? {} : { unfinished: { run: unfinished.run, since: unfinished.since } }),
    ...(pending === undefined
      ? {}
      : { pending: { strategy: pending.strategy, run: pending.run, since: pending.since, state: pending.state } }),
  };
  return {
    index: Buffer.from(JSON.stringify(index)).toString('base64'),
    ...Object.fromEntries(revisions.map(({ number, manifests }) => [`revision-${number}`, manifests.base64])),
    ...(unfinished === undefined ? {} : { unfinished: unfinished.footprints.base64 }),
    ...(pending === undefined
      ? {}
      : { 'pending-manifests': pending.manifests.base64, 'pending-footprints': pending.footprints.base64 }),
  };
}

/**
 * The record that a Secret keeps.
 *
 * @throws DeliveryError `RECORD_INVALID` if it is no Secret of this version of the task
 */
export function recordOf(application: Application, secret: KubeObject): ApplicationRecord {
  const values = (secret.data ?? {}) as Values;
  const index = indexOf(values.index);
  if (secret.type !== RECORD_TYPE || index?.schema !== SCHEMA) {
    throw new DeliveryError('RECORD_INVALID', {
      message: `The Secret ${keptName(application)} in namespace ${application.namespace} is not what this version of the task keeps about an application.`,
      remedy:
        'Update the extension if a newer one wrote it; else choose another applicationName, or delete the Secret.',
    });
  }
  const packed = <Value>(name: string): Packed<Value> => ({ base64: values[name] ?? '' });
  return {
    objects: index.objects,
    revisions: index.revisions.map((revision) => ({ ...revision, manifests: packed(`revision-${revision.number}`) })),
    unfinished: index.unfinished && { ...index.unfinished, footprints: packed('unfinished') },
    pending: index.pending && {
      ...index.pending,
      manifests: packed('pending-manifests'),
      footprints: packed('pending-footprints'),
    },
  };
}

function indexOf(base64: string | undefined): Index | undefined {
  try {
    return JSON.parse(Buffer.from(base64 ?? '', 'base64').toString('utf8')) as Index;
  } catch {
    return undefined;
  }
}
