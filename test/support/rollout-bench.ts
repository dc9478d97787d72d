import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { parse } from 'yaml';
import { ApiError } from '../../lib/kube/client/api-error.ts';
import { KubeClient } from '../../lib/kube/client/kube-client.ts';
import { LEASES, NAMESPACES } from '../../lib/kube/client/resource.ts';
import type { Resource } from '../../lib/kube/client/resource.ts';
import { readKubeconfig } from '../../lib/kube/kubeconfig.ts';
import type { KubeObject } from '../../lib/kube/objects.ts';
import { COUNTERS } from '../../lib/kube/rollout/content.ts';
import { ensureServices } from '../../tools/services/services.ts';
import { ensureBusyboxImage } from './busybox-image.ts';
import { removeUnservedMetricsApi } from './metrics-api.ts';
import { runTaskProcess } from './packed-task.ts';
import type { Connection, NodeVersion, TaskProcessOptions, TaskProcessResult } from './packed-task.ts';
import type { Rule } from './used-rights.ts';

const kind = (apiVersion: string, name: string, plural: string, namespaced = true): Resource => ({
  apiVersion,
  kind: name,
  plural,
  namespaced,
});

/** The kinds that the tests write. */
export const KINDS = {
  namespace: NAMESPACES,
  configMap: kind('v1', 'ConfigMap', 'configmaps'),
  service: kind('v1', 'Service', 'services'),
  serviceAccount: kind('v1', 'ServiceAccount', 'serviceaccounts'),
  secret: kind('v1', 'Secret', 'secrets'),
  pod: kind('v1', 'Pod', 'pods'),
  quota: kind('v1', 'ResourceQuota', 'resourcequotas'),
  deployment: kind('apps/v1', 'Deployment', 'deployments'),
  statefulSet: kind('apps/v1', 'StatefulSet', 'statefulsets'),
  daemonSet: kind('apps/v1', 'DaemonSet', 'daemonsets'),
  job: kind('batch/v1', 'Job', 'jobs'),
  cronJob: kind('batch/v1beta1', 'CronJob', 'cronjobs'),
  autoscaler: kind('autoscaling/v1', 'HorizontalPodAutoscaler', 'horizontalpodautoscalers'),
  budget: kind('policy/v1beta1', 'PodDisruptionBudget', 'poddisruptionbudgets'),
  ingress: kind('networking.k8s.io/v1', 'Ingress', 'ingresses'),
  claim: kind('v1', 'PersistentVolumeClaim', 'persistentvolumeclaims'),
  lease: LEASES,
  role: kind('rbac.authorization.k8s.io/v1', 'Role', 'roles'),
  roleBinding: kind('rbac.authorization.k8s.io/v1', 'RoleBinding', 'rolebindings'),
  clusterRole: kind('rbac.authorization.k8s.io/v1', 'ClusterRole', 'clusterroles', false),
  clusterRoleBinding: kind('rbac.authorization.k8s.io/v1', 'ClusterRoleBinding', 'clusterrolebindings', false),
  storageClass: kind('storage.k8s.io/v1', 'StorageClass', 'storageclasses', false),
  webhook: kind(
    'admissionregistration.k8s.io/v1',
    'ValidatingWebhookConfiguration',
    'validatingwebhookconfigurations',
    false,
  ),
  definition: kind('apiextensions.k8s.io/v1', 'CustomResourceDefinition', 'customresourcedefinitions', false),
} as const;

/** What the tests write into the namespace and compare; a workload before what it needs. */
const WRITTEN = [
  ...[KINDS.deployment, KINDS.statefulSet, KINDS.daemonSet, KINDS.job, KINDS.cronJob, KINDS.autoscaler],
  ...[
    KINDS.budget,
    KINDS.ingress,
    KINDS.service,
    KINDS.configMap,
    KINDS.secret,
    KINDS.claim,
    KINDS.serviceAccount,
    KINDS.quota,
  ],
];

/** What the cluster puts into each namespace, sooner or later. */
const CLUSTER_OWNED = /^kube-root-ca\.crt$|^default$|^default-token-/;
/** What the task keeps about applications: no part of a state, but cleared away like the rest. */
const RECORDS = 'model-delivery.';

/** How one rollout of a test differs from the usual one. */
export interface RolloutParts {
  readonly images?: string;
  readonly inputs?: Readonly<Record<string, string>>;
  /** Variables of the run, such as `Build.BuildNumber`. */
  readonly variables?: NonNullable<TaskProcessOptions['variables']>;
  /** Connections besides the one to the cluster. */
  readonly connections?: readonly Connection[];
  /** Another kubeconfig than the administrator's. */
  readonly kubeconfig?: string;
  /** Another connection to the cluster than one with a kubeconfig. */
  readonly cluster?: Connection;
  readonly node?: NodeVersion;
  readonly signal?: AbortSignal;
  readonly onLine?: (line: string) => void;
  /** A program with its arguments that runs the task, such as one that measures it. */
  readonly wrapper?: readonly string[];
}

/** A namespace on the real cluster, and the packed task to roll things out into it. */
export class RolloutBench {
  readonly namespace = `rollout-${Date.now().toString(36)}-${Math.floor(Math.random() * 1e6).toString(36)}`;
  /** Two versions of one small image, by digest. */
  readonly images: readonly [string, string];
  readonly kubeconfig: string;
  readonly client: KubeClient;
  readonly #signal = AbortSignal.timeout(3_600_000);
  /** The state in which a test began, by manifest. */
  readonly #starts = new Map<string, unknown>();

  private constructor(kubeconfig: string, images: readonly [string, string]) {
    this.kubeconfig = kubeconfig;
    this.images = images;
    this.client = new KubeClient(readKubeconfig(kubeconfig));
  }

  /** Sets up what is missing; the first time on a machine that takes minutes. */
  static async open(): Promise<RolloutBench> {
    const services = await ensureServices(['registry', 'docker', 'cluster']);
    const kubeconfig = await readFile(services.cluster.kubeconfig, 'utf8');
    const one = await ensureBusyboxImage(services, '1');
    const bench = new RolloutBench(kubeconfig, [one, await ensureBusyboxImage(services, '2')]);
    await removeUnservedMetricsApi(bench.client, bench.#signal);
    await bench.create(NAMESPACES, { metadata: { name: bench.namespace } });
    return bench;
  }

  async close(): Promise<void> {
    await this.client.remove(
      { resource: NAMESPACES, namespace: undefined, name: this.namespace },
      undefined,
      this.#signal,
    );
    await this.client.close();
  }

  /**
   * Brings the namespace to where a test begins: with what `manifest` holds, and nothing else that tests write. Quick
   * where the test before has left it so already, as most do.
   */
  async begin(manifest = ''): Promise<void> {
    if (manifest === '') {
      await this.#clear(WRITTEN);
      return;
    }
    const start = this.#starts.get(manifest);
    if (start !== undefined && isDeepStrictEqual(await this.state(), start)) return;
    await this.#clear(WRITTEN.filter((resource) => resource === KINDS.quota));
    const run = await this.rollOut(manifest, { inputs: { forceConflicts: 'true' } });
    if (run.result !== 'Succeeded') throw new Error(`the test cannot begin: ${run.log}`);
    this.#starts.set(manifest, await this.state());
  }

  async #clear(resources: readonly Resource[]): Promise<void> {
    for (const resource of resources) {
      const { items } = await this.client.list(resource, this.namespace, {}, this.#signal);
      const names = items.map(({ metadata }) => metadata.name).filter((name) => !CLUSTER_OWNED.test(name));
      for (const name of names) await this.remove(resource, name);
      while ((await Promise.all(names.map((name) => this.get(resource, name)))).some((one) => one !== undefined)) {
        await sleep(100, undefined, { signal: this.#signal });
      }
    }
  }

  /** Does something while the namespace has a quota that the cluster already enforces. */
  async underQuota<T>(hard: Readonly<Record<string, string>>, act: () => Promise<T>): Promise<T> {
    await this.create(KINDS.quota, { metadata: { name: 'small' }, spec: { hard } });
    try {
      // Until its controller has counted what there is, a quota forbids nothing.
      const isCounted = async (): Promise<boolean> =>
        ((await this.get(KINDS.quota, 'small'))?.status as { readonly used?: object } | undefined)?.used !== undefined;
      while (!(await isCounted())) await sleep(100, undefined, { signal: this.#signal });
      return await act();
    } finally {
      await this.remove(KINDS.quota, 'small');
    }
  }

  /** Rolls out one manifest with the packed task. */
  async rollOut(manifest: string, parts: RolloutParts = {}): Promise<TaskProcessResult> {
    const folder = await mkdtemp(join(tmpdir(), 'rollout-'));
    const file = join(folder, 'app.yml');
    await writeFile(file, manifest);
    try {
      return await runTaskProcess({
        task: 'RolloutToAKS',
        inputs: {
          kubernetesConnection: 'cluster',
          namespace: this.namespace,
          manifests: file,
          images: parts.images ?? `app=${this.images[0]}`,
          // A run that hangs ends with its log, before the limit of the tests.
          timeoutMinutes: '4',
          ...parts.inputs,
        },
        connections: [
          parts.cluster ?? kubeconfigConnection(parts.kubeconfig ?? this.kubeconfig),
          ...(parts.connections ?? []),
        ],
        variables: parts.variables ?? {},
        node: parts.node ?? '24',
        ...(parts.signal === undefined ? {} : { signal: parts.signal }),
        ...(parts.onLine === undefined ? {} : { onLine: parts.onLine }),
        ...(parts.wrapper === undefined ? {} : { wrapper: parts.wrapper }),
      });
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** Rolls one manifest out, and kills the task when it writes a line with `text`; nobody holds the application then. */
  async killAt(text: string, manifest: string, parts: RolloutParts): Promise<void> {
    const pidFile = join(tmpdir(), `${this.namespace}.pid`);
    let isKilled = false;
    const run = await this.rollOut(manifest, {
      ...parts,
      // dash drops variables with names such as those of service connections; bash hands them on.
      wrapper: ['bash', '-c', `echo $$ > ${pidFile}; exec "$@"`, 'bash'],
      onLine: (line) => {
        if (isKilled || !line.includes(text)) return;
        isKilled = true;
        process.kill(Number(readFileSync(pidFile, 'utf8')), 'SIGKILL');
      },
    });
    await rm(pidFile);
    assert.ok(isKilled, run.log);
    // As if the half minute had passed that a dead run holds the application.
    const renewTime = '2026-01-01T00:00:00.000000Z';
    const [kept] = (await this.client.list(KINDS.lease, this.namespace, {}, this.#signal)).items;
    await this.change(KINDS.lease, kept?.metadata.name ?? '', (live) => ({
      ...live,
      spec: { ...(live.spec as object), renewTime },
    }));
  }

  async get(resource: Resource, name: string): Promise<KubeObject | undefined> {
    return this.client.get({ resource, namespace: this.#home(resource), name }, this.#signal);
  }

  async create(resource: Resource, object: object): Promise<KubeObject> {
    const { apiVersion, kind: kindName } = resource;
    const whole = { apiVersion, kind: kindName, ...object } as KubeObject;
    return this.client.create(
      { resource, namespace: this.#home(resource), name: whole.metadata.name },
      whole,
      this.#signal,
    );
  }

  /** Writes a live object back with some fields changed; once more where a controller was faster. */
  async change(
    resource: Resource,
    name: string,
    edit: (live: KubeObject) => KubeObject,
    client = this.client,
  ): Promise<void> {
    for (;;) {
      const live = await this.get(resource, name);
      if (live === undefined) throw new Error(`there is no ${name}`);
      try {
        await client.replace({ resource, namespace: this.#home(resource), name }, edit(live), this.#signal);
        return;
      } catch (error) {
        if (!(error instanceof ApiError && error.status === 409)) throw error;
      }
    }
  }

  /** Changes the spec of an object as another field manager, such as an autoscaler, would. */
  async changeAs(fieldManager: string, resource: Resource, name: string, spec: object): Promise<void> {
    const client = new KubeClient(readKubeconfig(this.kubeconfig), { fieldManager });
    const edit = (live: KubeObject): KubeObject => ({ ...live, spec: { ...(live.spec as object), ...spec } });
    await this.change(resource, name, edit, client);
    await client.close();
  }

  /** Makes an object one that nobody manages: the tests write under the task's own name. */
  async disown(resource: Resource, name: string): Promise<void> {
    const ref = { resource, namespace: this.#home(resource), name };
    const value = [{}];
    await this.client.patchJson(ref, [{ op: 'replace', path: '/metadata/managedFields', value }], this.#signal);
  }

  /** All changes of objects of one kind in the namespace, in the order in which the cluster saw them, until `signal`. */
  async *changes(resource: Resource, signal: AbortSignal): AsyncGenerator<KubeObject> {
    const { resourceVersion } = await this.client.list(resource, this.namespace, {}, signal);
    // Nothing may change for long.
    const turn = { seconds: 600, idleSeconds: 600, signal };
    for await (const { object } of this.client.watch(resource, this.namespace, { resourceVersion }, turn)) yield object;
  }

  /** Where a Service of type LoadBalancer answers. */
  async addressOf(service: string): Promise<string> {
    const status = (await this.get(KINDS.service, service))?.status as
      { readonly loadBalancer?: { readonly ingress?: readonly { readonly ip?: string }[] } } | undefined;
    return status?.loadBalancer?.ingress?.[0]?.ip ?? '';
  }

  async remove(resource: Resource, name: string): Promise<void> {
    await this.client.remove({ resource, namespace: this.#home(resource), name }, undefined, this.#signal);
  }

  /**
   * Everything the namespace holds, as it must be the same before and after: without status, versions and times, but
   * with the managers of every field.
   */
  async state(): Promise<Readonly<Record<string, unknown>>> {
    const lists = await Promise.all(
      WRITTEN.map((resource) => this.client.list(resource, this.namespace, {}, this.#signal)),
    );
    const live = lists
      .flatMap(({ items }) => items)
      .filter(({ metadata }) => metadata.deletionTimestamp === undefined)
      .filter(({ metadata }) => !CLUSTER_OWNED.test(metadata.name) && !metadata.name.startsWith(RECORDS));
    return Object.fromEntries(live.map((object) => [`${object.kind}/${object.metadata.name}`, lastingPartOf(object)]));
  }

  /** The rules of the Role that comes with the docs. */
  async documentedRules(): Promise<readonly Rule[]> {
    return rulesIn('rollout-role.yml');
  }

  /** Lets somebody do what `rules` allow in the namespace. */
  async allow(name: string, rules: readonly object[], subject: object): Promise<void> {
    await this.create(KINDS.role, { metadata: { name }, rules });
    await this.create(KINDS.roleBinding, {
      metadata: { name },
      roleRef: { apiGroup: 'rbac.authorization.k8s.io', kind: 'Role', name },
      subjects: [subject],
    });
  }

  /** A kubeconfig of a service account that may do what `rules` allow in the namespace, and nothing else. */
  async kubeconfigOf(name: string, rules: readonly object[]): Promise<string> {
    return this.kubeconfig.replace(/token: .*/, `token: ${await this.serviceAccount(name, rules)}`);
  }

  /** The token of a service account that may do what `rules` allow in the namespace, and nothing else. */
  async serviceAccount(name: string, rules: readonly object[]): Promise<string> {
    await this.create(KINDS.serviceAccount, { metadata: { name } });
    await this.allow(name, rules, { kind: 'ServiceAccount', name, namespace: this.namespace });
    return this.#tokenOf(name);
  }

  async #tokenOf(serviceAccount: string): Promise<string> {
    const metadata = {
      name: `${serviceAccount}-key`,
      annotations: { 'kubernetes.io/service-account.name': serviceAccount },
    };
    await this.create(KINDS.secret, { metadata, type: 'kubernetes.io/service-account-token' });
    for (;;) {
      const { token } = ((await this.get(KINDS.secret, metadata.name))?.data ?? {}) as { readonly token?: string };
      if (token !== undefined) return Buffer.from(token, 'base64').toString('utf8');
      await sleep(100, undefined, { signal: this.#signal });
    }
  }

  #home(resource: Resource): string | undefined {
    return resource.namespaced ? this.namespace : undefined;
  }
}

/** The rules of a Role or ClusterRole that comes with the docs. */
export async function rulesIn(file: string): Promise<readonly Rule[]> {
  const role = await readFile(join(import.meta.dirname, '..', '..', 'docs', file), 'utf8');
  return (parse(role) as { readonly rules: readonly Rule[] }).rules;
}

/** A Kubernetes connection that holds a whole kubeconfig. */
export function kubeconfigConnection(kubeconfig: string, clusterContext = ''): Connection {
  return {
    name: 'cluster',
    type: 'kubernetes',
    url: 'https://kubernetes.example.com',
    authorization: { scheme: 'Kubernetes', parameters: { kubeconfig, clusterContext } },
    data: { authorizationType: 'Kubeconfig' },
  };
}

interface ManagedFields {
  readonly manager?: string;
  readonly operation?: string;
  readonly fieldsV1?: Readonly<Record<string, unknown>>;
}

function lastingPartOf(object: KubeObject): object {
  const { labels, annotations, managedFields } = object.metadata;
  const kept = Object.entries(annotations ?? {}).filter(([key]) => !COUNTERS.includes(key));
  const rest = Object.fromEntries(Object.entries(object).filter(([field]) => field !== 'status'));
  return {
    ...rest,
    metadata: { labels, annotations: Object.fromEntries(kept) },
    // Controllers write status whenever they like; who manages the rest must stay.
    managers: ((managedFields ?? []) as readonly ManagedFields[])
      .map(({ manager, operation, fieldsV1 }) => ({ manager, operation, fields: withoutStatus(fieldsV1 ?? {}) }))
      .filter(({ fields }) => Object.keys(fields).length > 0),
  };
}

function withoutStatus(fields: Readonly<Record<string, unknown>>): Readonly<Record<string, unknown>> {
  const keep = Object.entries(fields).filter(([key, value]) => {
    const onlyCounters = JSON.stringify(value).includes('f:deployment.kubernetes.io/revision');
    return key !== 'f:status' && !onlyCounters;
  });
  return Object.fromEntries(keep);
}

/** The error of a failed run, and a check that it failed in the way expected. */
export function failureOf(run: TaskProcessResult, code: string, result: string): string {
  const message = run.issues.find(({ type }) => type === 'error')?.message ?? '';
  assert.equal(run.result, 'Failed', run.log);
  assert.ok(message.startsWith(`${code}: `), `${message}\n${run.log}`);
  assert.equal(run.outputs.result, result, run.log);
  return message;
}
