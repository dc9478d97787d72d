import assert from 'node:assert/strict';
import { keyOf } from '../../../../lib/kube/application/footprint.ts';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import { NO_RECORD } from '../../../../lib/kube/application/record.ts';
import type { ApplicationRecord } from '../../../../lib/kube/application/record.ts';
import { ApiError } from '../../../../lib/kube/client/api-error.ts';
import type { ObjectRef } from '../../../../lib/kube/client/resource.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { begin } from '../../../../lib/kube/rollout/begin.ts';
import { fail } from '../../../../lib/kube/rollout/fail.ts';
import { beginning } from '../../../../lib/kube/rollout/journal.ts';
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
  readonly objects = new Map([NEXT, CANARY].map((one) => [keyOf(refTo(one)), one]));
  record: ApplicationRecord;
  /** Why the stable version cannot be put back. */
  refusal: Error | undefined;

  constructor(...footprints: readonly Footprint[]) {
    this.record = beginning(NO_RECORD, { name: 'shop 1', url: undefined }, footprints);
  }

  get settings(): unknown {
    return this.objects.get(keyOf(refTo(OLD)))?.data;
  }

  get hasCanary(): boolean {
    return this.objects.has(keyOf(refTo(CANARY)));
  }

  /** Somebody decides about a version that does not wait. */
  async decide(action: 'promote' | 'reject'): Promise<RolloutReport> {
    const goal: Goal = { action };
    const request = {
      ...{ goal, applicationName: 'shop', namespace: 'shop', strategy: { kind: 'rolling' }, onFailure: 'restore' },
      ...{ access: { server: 'https://cluster', namespace: undefined }, run: { name: 'shop 2', url: undefined } },
    };
    const rollout = new Rollout(request as unknown as RolloutRequest, this.#session() as unknown as Session);
    const error: unknown = await begin(rollout).then(
      () => undefined,
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
      ...{ reporter: SILENT, client: this.#client(), isOvertaken: false },
      ...{ stopped: new AbortController().signal, limit: new AbortController().signal },
      takeHold: () => Promise.resolve(),
      noteSuccess: noted,
      noteEnd: (change: (record: ApplicationRecord) => ApplicationRecord) => noted(change(this.record)),
      view: {
        openWhenReached: () => Promise.resolve(),
        object: (ref: ObjectRef) => this.objects.get(keyOf(ref)),
        ...{ around: () => around(), settle: () => undefined, hidesEvents: false },
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
      patchJson: (ref: ObjectRef) => Promise.resolve(this.objects.get(keyOf(ref))),
      remove: (ref: ObjectRef) => Promise.resolve(void this.objects.delete(keyOf(ref))),
    };
  }
}

describe('a run that did not finish', () => {
  for (const action of ['promote', 'reject'] as const) {
    it(`while it promoted is taken back by the ${action} that follows, which finds nothing waiting`, async () => {
      const cluster = new LeftCluster(STABLE_CHANGED, CANARY_MADE);
      const { result, failure } = await cluster.decide(action);
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
      const cluster = new LeftCluster(CANARY_MADE);
      assert.equal((await cluster.decide(action)).result, 'restored');
      assert.equal(cluster.hasCanary, false);
      assert.deepEqual(cluster.record, NO_RECORD);
    });

    it(`of a rolling update is taken back by the ${action} that follows`, async () => {
      const cluster = new LeftCluster(STABLE_CHANGED);
      assert.equal((await cluster.decide(action)).result, 'restored');
      assert.deepEqual(cluster.settings, { value: 'old' });
      assert.deepEqual(cluster.record, NO_RECORD);
    });

    it(`stays known to the cluster, if the ${action} that follows cannot put it back`, async () => {
      const cluster = new LeftCluster(STABLE_CHANGED, CANARY_MADE);
      const { record } = cluster;
      cluster.refusal = new ApiError(403, { message: 'no' }, { verb: 'update', resource: 'configmaps' });
      const { result, failure } = await cluster.decide(action);
      assert.equal(result, 'notRestored');
      assert.match(failure?.message ?? '', /ConfigMap\/settings.*the next run begins with that/);
      assert.equal(cluster.record, record);
      assert.ok(cluster.hasCanary);
    });
  }
});
