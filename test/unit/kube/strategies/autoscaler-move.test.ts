import assert from 'node:assert/strict';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import { ApiError } from '../../../../lib/kube/client/api-error.ts';
import type { KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import type { ObjectRef } from '../../../../lib/kube/client/resource.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import type { LiveView } from '../../../../lib/kube/readiness/live-view.ts';
import type { Step } from '../../../../lib/kube/rollout/plan.ts';
import { AUTOSCALERS } from '../../../../lib/kube/strategies/autoscaler.ts';
import type { Autoscaler } from '../../../../lib/kube/strategies/autoscaler.ts';
import { bringUp, moveAutoscalers } from '../../../../lib/kube/strategies/autoscaler-move.ts';
import { moveBack, moveStep } from '../../../../lib/kube/strategies/move.ts';
import type { StageTools } from '../../../../lib/kube/strategies/stage.ts';
import { Timeline } from '../../../../lib/kube/strategies/timeline.ts';
import { WEB, WEB_PLAN, webDeployment } from './deployments.ts';

const OWNERS = [{ manager: 'helm', operation: 'Update', fieldsV1: { 'f:spec': { 'f:scaleTargetRef': {} } } }];
const LEFT = [{ manager: 'model-delivery', operation: 'Update', fieldsV1: { 'f:spec': { 'f:scaleTargetRef': {} } } }];
const targetOf = (name: string): object => ({ kind: 'Deployment', name });
const signal = new AbortController().signal;

function autoscaler(metadata: object = {}, target: object = {}): Autoscaler {
  return {
    apiVersion: 'autoscaling/v1',
    kind: 'HorizontalPodAutoscaler',
    metadata: { name: 'web', namespace: 'shop', managedFields: OWNERS, ...metadata },
    spec: { scaleTargetRef: { kind: 'Deployment', name: 'web', ...target } },
  };
}

const REF: ObjectRef = { resource: AUTOSCALERS, namespace: 'shop', name: 'web' };
const MOVE: Footprint = moveStep(REF, autoscaler(), targetOf('web-green'));

function sized(name: string, replicas: number): KubeObject {
  const { metadata, spec } = webDeployment();
  return { ...webDeployment(), metadata: { ...metadata, name }, spec: { ...spec, replicas } };
}

/** A cluster of a few objects, which keeps what is asked of it. */
class Cluster {
  readonly patches: (readonly [string, unknown])[] = [];
  readonly lines: string[] = [];
  readonly begun: string[] = [];
  readonly #objects: readonly KubeObject[];
  readonly #refusal: ApiError | undefined;

  constructor(objects: readonly KubeObject[], refusal?: ApiError) {
    this.#objects = objects;
    this.#refusal = refusal;
  }

  get client(): KubeClient {
    const find = ({ resource, name }: ObjectRef): KubeObject | undefined =>
      this.#objects.find((object) => object.kind === resource.kind && object.metadata.name === name);
    const client = {
      list: () => {
        if (this.#refusal !== undefined) return Promise.reject(this.#refusal);
        return Promise.resolve({ items: this.#objects.filter(({ kind }) => kind === AUTOSCALERS.kind) });
      },
      get: (ref: ObjectRef) => Promise.resolve(find(ref)),
      patchJson: (ref: ObjectRef, [{ path, value }]: readonly [{ path: string; value: unknown }]) => {
        this.patches.push([`${ref.resource.apiVersion} ${ref.name} ${path}`, value]);
        return Promise.resolve(find(ref));
      },
    };
    return client as unknown as KubeClient;
  }

  get tools(): StageTools {
    const { lines } = this;
    return {
      client: this.client,
      view: { open: () => Promise.resolve() } as unknown as LiveView,
      reporter: {
        line: (text) => lines.push(text),
        group: () => undefined,
        warn: () => undefined,
        progress: () => undefined,
      },
      signal,
      force: false,
      application: 'web',
      timeline: new Timeline(),
      begin: (steps) => Promise.resolve(void this.begun.push(...steps.map(({ title }) => title))),
    };
  }
}

describe('an autoscaler that is moved', () => {
  it('scales the new version, and stays what it is, owners and all; it is noted before', async () => {
    const cluster = new Cluster([autoscaler()]);
    await moveAutoscalers(WEB_PLAN, [], cluster.tools);
    assert.deepEqual(cluster.begun, ['HorizontalPodAutoscaler/web']);
    assert.deepEqual(cluster.patches, [
      ['autoscaling/v1 web /spec/scaleTargetRef', targetOf('web-green')],
      ['autoscaling/v1 web /metadata/managedFields', OWNERS],
    ]);
    assert.deepEqual(cluster.lines, ['HorizontalPodAutoscaler/web → Deployment/web-green']);
  });

  it('is written in the version of its manifest', async () => {
    const before = { ...autoscaler(), apiVersion: 'autoscaling/v2' };
    const ref = { ...REF, resource: { ...AUTOSCALERS, apiVersion: 'autoscaling/v2' } };
    const own: Step = { ...WEB, ref, title: 'HorizontalPodAutoscaler/web', desired: before, before };
    const cluster = new Cluster([autoscaler()]);
    await moveAutoscalers(WEB_PLAN, [own], cluster.tools);
    assert.deepEqual(cluster.patches[0], ['autoscaling/v2 web /spec/scaleTargetRef', targetOf('web-green')]);
  });

  it('is not one of another workload, nor one that its owner would move back', async () => {
    const owned = autoscaler({ ownerReferences: [{ uid: '1', kind: 'ScaledObject', name: 'web' }] });
    const cluster = new Cluster([owned, autoscaler({}, { name: 'api' }), autoscaler({}, { kind: 'StatefulSet' })]);
    await moveAutoscalers(WEB_PLAN, [], cluster.tools);
    assert.deepEqual(cluster.patches, []);
    assert.deepEqual(cluster.begun, []);
    assert.deepEqual(cluster.lines, [
      'HorizontalPodAutoscaler/web belongs to ScaledObject/web, so it stays with the old version.',
    ]);
  });

  it('stays where it is if the Role says so, which is told in one line', async () => {
    const asked = { verb: 'list', resource: 'horizontalpodautoscalers.autoscaling', namespace: 'shop' };
    const cluster = new Cluster([], new ApiError(403, {}, asked));
    await moveAutoscalers(WEB_PLAN, [], cluster.tools);
    assert.match(cluster.lines.join('|'), /^No right to list horizontalpodautoscalers\.autoscaling: .*number of pods/);
    const other = new Cluster([], new ApiError(403, {}, { ...asked, resource: 'secrets' }));
    await assert.rejects(moveAutoscalers(WEB_PLAN, [], other.tools), ApiError);
  });

  it('goes back without what a killed run has left of its write, and is left alone if it is back', async () => {
    const moved = autoscaler({ managedFields: [...OWNERS, ...LEFT] }, { name: 'web-green' });
    const cluster = new Cluster([moved]);
    await moveBack(cluster.client, MOVE, signal);
    assert.deepEqual(cluster.patches, [
      ['autoscaling/v1 web /spec/scaleTargetRef', targetOf('web')],
      ['autoscaling/v1 web /metadata/managedFields', OWNERS],
    ]);
    const back = new Cluster([autoscaler()]);
    await moveBack(back.client, MOVE, signal);
    assert.deepEqual(back.patches, []);
  });
});

describe('the size of the stable version', () => {
  async function grown(target: string, stable: number, green: number): Promise<readonly unknown[]> {
    const live = sized('web', stable);
    const cluster = new Cluster([autoscaler({}, { name: target }), live, sized('web-green', green)]);
    const ready = { ...sized('web', stable), status: { updatedReplicas: 9, replicas: 9, availableReplicas: 9 } };
    const view = {
      open: () => Promise.resolve(),
      object: () => ready,
      around: () => ({ pods: [], replicaSets: [], events: [] }),
    };
    await bringUp([MOVE], { ...cluster.tools, view: view as unknown as LiveView });
    return cluster.patches;
  }

  it('becomes that of the new version before requests go home, never a smaller one', async () => {
    assert.deepEqual(await grown('web-green', 2, 5), [['apps/v1 web /spec/replicas', 5]]);
    assert.deepEqual(await grown('web-green', 5, 2), []);
  });

  it('is left to the autoscaler if somebody has moved that back already', async () => {
    assert.deepEqual(await grown('web', 2, 5), []);
  });
});
