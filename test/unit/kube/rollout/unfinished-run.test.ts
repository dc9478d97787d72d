import assert from 'node:assert/strict';
import { DeliveryError } from '../../../../lib/errors/delivery-error.ts';
import { keyOf } from '../../../../lib/kube/application/footprint.ts';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import { pack } from '../../../../lib/kube/application/packed.ts';
import { NO_RECORD } from '../../../../lib/kube/application/record.ts';
import type { ApplicationRecord } from '../../../../lib/kube/application/record.ts';
import { ApiError } from '../../../../lib/kube/client/api-error.ts';
import type { ObjectRef } from '../../../../lib/kube/client/resource.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { begin } from '../../../../lib/kube/rollout/begin.ts';
import { fail } from '../../../../lib/kube/rollout/fail.ts';
import { beginning, waiting } from '../../../../lib/kube/rollout/journal.ts';
import type { RolloutReport } from '../../../../lib/kube/rollout/report.ts';
import type { Goal, RolloutRequest } from '../../../../lib/kube/rollout/request.ts';
import { Rollout } from '../../../../lib/kube/rollout/rollout.ts';
import type { Session } from '../../../../lib/kube/rollout/session.ts';
import { TEMPORARY } from '../../../../lib/kube/strategies/track.ts';
import { around } from '../readiness/cluster-objects.ts';

const SILENT = { line: () => undefined, group: () => undefined, warn: () => undefined, progress: () => undefined };
const OURS = [{ manager: 'model-delivery', operation: 'Apply' }];

function object(apiVersion: string, kind: string, name: string, rest: object): KubeObject {
  const metadata = { name, namespace: 'shop', uid: name, resourceVersion: '2', managedFields: OURS };
  return { apiVersion, kind, metadata, ...rest };
}

function refTo({ apiVersion, kind, metadata }: KubeObject): ObjectRef {
  const resource = { apiVersion, kind, plural: `${kind.toLowerCase()}s`, namespaced: true };
  return { resource, namespace: metadata.namespace, name: metadata.name };
}

function settings(value: string, resourceVersion: string): KubeObject {
  const { metadata, ...rest } = object('v1', 'ConfigMap', 'settings', { data: { value } });
  return { ...rest, metadata: { ...metadata, resourceVersion } };
}

const RUN = { name: 'shop 1', url: undefined };
const HOME: KubeObject = { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'shop' } };
const OLD = settings('old', '1');
const NEXT = settings('next', '2');
const CANARY = object('apps/v1', 'Deployment', 'web-canary', {
  spec: { selector: { matchLabels: { track: 'canary' } } },
});
const STABLE_CHANGED: Footprint = { ref: refTo(OLD), before: OLD, desired: NEXT };
const CANARY_MADE: Footprint = {
  ref: refTo(CANARY),
  before: undefined,
  desired: { ...CANARY, metadata: { ...CANARY.metadata, labels: { [TEMPORARY]: 'true' } } },
  isStaged: true,
};

/** A cluster as a killed run has left it, and what is known there of its application. */
class LeftCluster {
  readonly objects = new Map([HOME, NEXT, CANARY].map((one) => [keyOf(refTo(one)), one]));
  record: ApplicationRecord;
  /** Why the stable version cannot be put back. */
  refusal: Error | undefined;

  constructor(record: ApplicationRecord) {
    this.record = record;
  }

  /** A run was killed that had begun to write these. */
  static killed(...footprints: readonly Footprint[]): LeftCluster {
    return new LeftCluster(beginning(NO_RECORD, RUN, footprints));
  }

  /** A canary waits until somebody promotes or rejects it. */
  static waiting(...footprints: readonly Footprint[]): LeftCluster {
    const pending = { strategy: 'canary', run: RUN, manifests: pack([]), footprints: pack(footprints), state: {} };
    return new LeftCluster(waiting(NO_RECORD, pending));
  }

  get settings(): unknown {
    return this.objects.get(keyOf(refTo(OLD)))?.data;
  }

  get hasCanary(): boolean {
    return this.objects.has(keyOf(refTo(CANARY)));
  }

  /** A run begins, and fails at once; by `later`, if nothing else ends it. */
  async begin(goal: Goal, later?: Error): Promise<RolloutReport> {
    const request = {
      goal,
      applicationName: 'shop',
      namespace: 'shop',
      strategy: { kind: 'rolling' },
      onFailure: 'restore',
      access: { server: 'https://cluster', namespace: undefined },
      run: { name: 'shop 2', url: undefined },
    };
    const rollout = new Rollout(request as unknown as RolloutRequest, this.#session() as unknown as Session);
    const error: unknown = await begin(rollout).then(
      () => later,
      (thrown: unknown) => thrown,
    );
    return fail(rollout, error);
  }

  #session(): object {
    const noted = (record: ApplicationRecord): Promise<void> => Promise.resolve(void (this.record = record));
    const recordNow = (): ApplicationRecord => this.record;
    return {
      get record() {
        return recordNow();
      },
      reporter: SILENT,
      client: this.#client(),
      isOvertaken: false,
      stopped: new AbortController().signal,
      limit: new AbortController().signal,
      takeHold: () => Promise.resolve(),
      noteSuccess: noted,
      // As in the session itself: where no run has begun, there is nothing to note.
      noteEnd: (change: (record: ApplicationRecord) => ApplicationRecord) =>
        this.record.unfinished === undefined ? Promise.resolve() : noted(change(this.record)),
      view: {
        openWhenReached: () => Promise.resolve(),
        object: (ref: ObjectRef) => this.objects.get(keyOf(ref)),
        around: () => around(),
        settle: () => undefined,
        hidesEvents: false,
      },
    };
  }

  #client(): object {
    const write = (ref: ObjectRef, written: KubeObject): Promise<KubeObject> => {
      if (this.refusal !== undefined) return Promise.reject(this.refusal);
      this.objects.set(keyOf(ref), written);
      return Promise.resolve(written);
    };
    return {
      rulesIn: () => Promise.resolve([{ verbs: ['*'], apiGroups: ['*'], resources: ['*'] }]),
      get: (ref: ObjectRef) => Promise.resolve(this.objects.get(keyOf(ref))),
      replace: write,
      apply: write,
      document: () => Promise.resolve({ resources: [{ name: 'configmaps', kind: 'ConfigMap', namespaced: true }] }),
      patchJson: (ref: ObjectRef) => Promise.resolve(this.objects.get(keyOf(ref))),
      remove: (ref: ObjectRef) => Promise.resolve(void this.objects.delete(keyOf(ref))),
    };
  }
}

describe('a run that did not finish', () => {
  for (const action of ['promote', 'reject'] as const) {
    it(`while it promoted is taken back by the ${action} that follows, which finds nothing waiting`, async () => {
      const cluster = LeftCluster.killed(STABLE_CHANGED, CANARY_MADE);
      const { result, failure } = await cluster.begin({ action });
      assert.equal(result, 'restored');
      assert.match(
        failure?.message ?? '',
        new RegExp(`nothing to ${action}.*What an earlier run had left was taken back`),
      );
      assert.deepEqual(cluster.settings, { value: 'old' });
      assert.equal(cluster.hasCanary, false);
      assert.deepEqual(cluster.record, NO_RECORD);
    });

    it(`in a step of its canary is taken back by the ${action} that follows`, async () => {
      const cluster = LeftCluster.killed(CANARY_MADE);
      assert.equal((await cluster.begin({ action })).result, 'restored');
      assert.equal(cluster.hasCanary, false);
      assert.deepEqual(cluster.record, NO_RECORD);
    });

    it(`of a rolling update is taken back by the ${action} that follows`, async () => {
      const cluster = LeftCluster.killed(STABLE_CHANGED);
      assert.equal((await cluster.begin({ action })).result, 'restored');
      assert.deepEqual(cluster.settings, { value: 'old' });
      assert.deepEqual(cluster.record, NO_RECORD);
    });

    it(`stays known to the cluster, if the ${action} that follows cannot put it back`, async () => {
      const cluster = LeftCluster.killed(STABLE_CHANGED, CANARY_MADE);
      const { record } = cluster;
      cluster.refusal = new ApiError(403, { message: 'no' }, { verb: 'update', resource: 'configmaps' });
      const { result, failure } = await cluster.begin({ action });
      assert.equal(result, 'notRestored');
      assert.match(failure?.message ?? '', /ConfigMap\/settings.*the next run begins with that/);
      assert.equal(cluster.record, record);
      assert.ok(cluster.hasCanary);
    });
  }
});

describe('a version that waits', () => {
  const goal: Goal = {
    action: 'deploy',
    manifests: [{ object: settings('other', ''), source: 'app.yml:1' }],
    imageFacts: Promise.resolve(() => undefined),
  };

  it('goes on waiting when a deployment that would take its place is refused', async () => {
    const cluster = LeftCluster.waiting(CANARY_MADE);
    const { record } = cluster;
    cluster.refusal = new ApiError(422, { message: 'wrong' }, { verb: 'patch', resource: 'configmaps' });
    const { result, failure } = await cluster.begin(goal);
    assert.equal(result, 'refused');
    assert.match(failure?.message ?? '', /does not accept ConfigMap.settings/);
    assert.ok(cluster.hasCanary);
    assert.equal(cluster.record.pending?.footprints, record.pending?.footprints);
  });

  it('has made way, and the result says so, when a deployment ends after that without having written anything', async () => {
    const cluster = LeftCluster.waiting(CANARY_MADE);
    const { result, failure } = await cluster.begin(
      goal,
      new DeliveryError('CLUSTER_FORBIDDEN', { message: 'No right to write.', remedy: 'Grant it.' }),
    );
    assert.equal(result, 'restored');
    assert.match(failure?.message ?? '', /What an earlier run had left was taken back/);
    assert.equal(cluster.hasCanary, false);
  });

  it('is nothing that a deployment is judged by: what it has made for itself is gone by then', async () => {
    const cluster = LeftCluster.waiting({ ...STABLE_CHANGED, before: undefined, isStaged: true });
    cluster.refusal = new ApiError(422, { message: 'wrong' }, { verb: 'patch', resource: 'configmaps' });
    const { failure } = await cluster.begin(goal, new DeliveryError('LATER', { message: 'Later.', remedy: 'Wait.' }));
    assert.match(failure?.message ?? '', /^Later/);
    assert.equal(cluster.settings, undefined);
  });
});
