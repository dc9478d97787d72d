// An application of every kind that the Role of the docs allows, so that its rights can be held against what is used.

/** How an object of a version differs from that of another. */
export interface KindParts {
  readonly name: string;
  /** Another word makes another version. */
  readonly value: string;
  /** Name of the StorageClass of claims. */
  readonly storageClass: string;
  /** What containers run, where that is no name for the task to replace. */
  readonly image?: string;
  /** What the StatefulSet runs. */
  readonly command?: string;
  /** How many pods workloads have; 0 for one that is to be gone quickly. */
  readonly replicas?: number;
}

type Manifest = (parts: KindParts) => object;

const RUNS = 'sleep 1000';

function podSpec(value: string, command = RUNS): object {
  const env = [{ name: 'VALUE', value }];
  return {
    terminationGracePeriodSeconds: 0,
    containers: [{ name: 'app', image: 'app', command: ['sh', '-c', command], env }],
  };
}

function template(name: string, value: string, command?: string): object {
  return { metadata: { labels: { app: name } }, spec: podSpec(value, command) };
}

function jobSpec(value: string): object {
  return { backoffLimit: 0, template: { spec: { ...podSpec(value, 'exit 0'), restartPolicy: 'Never' } } };
}

const labelled = (name: string, value: string): object => ({ name, labels: { value } });
const selected = (name: string): object => ({ selector: { matchLabels: { app: name } } });

/** A manifest of each kind, by the plural under which Roles know it. */
export const EVERY_KIND: Readonly<Record<string, Manifest>> = {
  configmaps: ({ name, value }) => ({ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name }, data: { value } }),
  secrets: ({ name, value }) => ({ apiVersion: 'v1', kind: 'Secret', metadata: { name }, stringData: { value } }),
  services: ({ name, value }) => ({
    apiVersion: 'v1',
    kind: 'Service',
    metadata: labelled(name, value),
    spec: { selector: { app: name }, ports: [{ port: 80, targetPort: 8080 }] },
  }),
  serviceaccounts: ({ name, value }) => ({ apiVersion: 'v1', kind: 'ServiceAccount', metadata: labelled(name, value) }),
  persistentvolumeclaims: ({ name, value, storageClass }) => ({
    apiVersion: 'v1',
    kind: 'PersistentVolumeClaim',
    metadata: labelled(name, value),
    spec: {
      accessModes: ['ReadWriteOnce'],
      storageClassName: storageClass,
      resources: { requests: { storage: '1Mi' } },
    },
  }),
  'deployments.apps': ({ name, value, replicas = 1 }) => ({
    apiVersion: 'apps/v1',
    kind: 'Deployment',
    metadata: { name },
    spec: { replicas, ...selected(name), template: template(name, value, '/bin/busybox httpd -f -p 8080 -h /www') },
  }),
  'statefulsets.apps': ({ name, value, command, replicas = 1 }) => ({
    apiVersion: 'apps/v1',
    kind: 'StatefulSet',
    metadata: { name },
    spec: {
      replicas,
      serviceName: name,
      ...selected(`${name}-set`),
      template: template(`${name}-set`, value, command),
    },
  }),
  'daemonsets.apps': ({ name, value, replicas = 1 }) => ({
    apiVersion: 'apps/v1',
    kind: 'DaemonSet',
    metadata: { name },
    spec: {
      ...selected(`${name}-daemon`),
      template: {
        metadata: { labels: { app: `${name}-daemon` } },
        spec: { ...podSpec(value), ...(replicas === 0 ? { nodeSelector: { nobody: 'has-it' } } : {}) },
      },
    },
  }),
  'jobs.batch': ({ name, value }) => ({
    apiVersion: 'batch/v1',
    kind: 'Job',
    metadata: labelled(name, value),
    spec: jobSpec('same'),
  }),
  'cronjobs.batch': ({ name, value }) => ({
    apiVersion: 'batch/v1beta1',
    kind: 'CronJob',
    metadata: { name },
    spec: { schedule: '0 0 1 1 *', jobTemplate: { spec: jobSpec(value) } },
  }),
  'ingresses.networking.k8s.io': ({ name, value }) => ({
    apiVersion: 'networking.k8s.io/v1',
    kind: 'Ingress',
    metadata: labelled(name, value),
    spec: { defaultBackend: { service: { name, port: { number: 80 } } } },
  }),
  pods: ({ name, value }) => ({
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: labelled(name, value),
    spec: podSpec('same'),
  }),
};

/** A file of manifests, one of each kind, or only of those that are named. */
export function everyKind(parts: KindParts, kinds: readonly string[] = Object.keys(EVERY_KIND)): string {
  const manifests = kinds.map((kind) => JSON.stringify(EVERY_KIND[kind]?.(parts)));
  return manifests
    .map((one) => `${one.replaceAll('"image":"app"', `"image":"${parts.image ?? 'app'}"`)}\n---\n`)
    .join('');
}
