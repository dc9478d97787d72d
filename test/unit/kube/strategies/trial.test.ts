import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { KubeObject, Pod } from '../../../../lib/kube/objects.ts';
import type { LiveView } from '../../../../lib/kube/readiness/live-view.ts';
import { DEPLOYMENTS } from '../../../../lib/kube/strategies/deployment.ts';
import type { PodAddress, VersionCheck, Versions } from '../../../../lib/kube/strategies/check.ts';
import { tryOut } from '../../../../lib/kube/strategies/trial.ts';
import { webDeployment } from './deployments.ts';

const SET: KubeObject = {
  apiVersion: 'apps/v1',
  kind: 'ReplicaSet',
  metadata: {
    name: 'web-1',
    namespace: 'shop',
    uid: 's',
    ownerReferences: [{ uid: 'd', kind: 'Deployment', name: 'web' }],
  },
  spec: { template: webDeployment().spec.template },
};

function pod(uid: string, ready: boolean): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name: uid, namespace: 'shop', uid, ownerReferences: [{ uid: 's', kind: 'ReplicaSet', name: 'web-1' }] },
    spec: { containers: [{ name: 'app', image: 'app' }] },
    status: { phase: 'Running', conditions: [{ type: 'Ready', status: ready ? 'True' : 'False' }] },
  };
}

describe('a new version on trial', () => {
  let clock: sinon.SinonFakeTimers;
  beforeEach(() => {
    clock = sinon.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout', 'Date'] });
  });
  afterEach(() => clock.restore());

  /** How a trial of a minute ends, when `pods` tells the pods that there are at a second. */
  async function endOf(
    pods: (second: number) => readonly Pod[],
    checks: readonly VersionCheck[] = [],
  ): Promise<string> {
    const now = (): readonly Pod[] => pods(Math.round(Date.now() / 1000));
    const live = (): KubeObject => {
      const [replicas, availableReplicas] = [now().length, now().filter(isReady).length];
      const { spec } = webDeployment();
      const status = { replicas, updatedReplicas: replicas, availableReplicas };
      return { ...webDeployment(), spec: { ...spec, replicas }, status };
    };
    const view = {
      object: live,
      around: () => ({ pods: now(), replicaSets: [SET], events: [] }),
      changed: (ms: number) => new Promise((resolve) => setTimeout(resolve, ms)),
    };
    const target = {
      ref: { resource: DEPLOYMENTS, namespace: 'shop', name: 'web' },
      written: live(),
      wantsNone: false,
    };
    const end = tryOut(
      {
        title: 'serving',
        twins: [target],
        checks,
        holdMs: 60_000,
        everyMs: 15_000,
        versions: () => Promise.resolve({ next: now().filter(isReady).map(addressOf), stable: [] }),
      },
      view as unknown as LiveView,
      new AbortController().signal,
    ).then(
      () => 'passed',
      (error: unknown) => String(error),
    );
    await clock.tickAsync(61_000);
    return end;
  }

  it('is rejected if a pod that was ready is not for longer than ten seconds', async () => {
    assert.match(
      await endOf((second) => [pod('one', true), pod('two', second < 20)]),
      /did not pass serving: its pods are no longer ready \(2\/2 updated, 1 available\)/,
    );
    assert.equal(await endOf((second) => [pod('one', true), pod('two', second < 20 || second > 28)]), 'passed');
  });

  it('may be given a pod more by an autoscaler, which takes its time to start', async () => {
    assert.equal(
      await endOf((second) => [pod('one', true), ...(second < 10 ? [] : [pod('two', second > 50)])]),
      'passed',
    );
  });

  it('may lose a pod to a drained node, and gets another', async () => {
    assert.equal(
      await endOf((second) => [pod('one', true), second < 10 ? pod('two', true) : pod('three', second > 40)]),
      'passed',
    );
  });

  it('is asked once a pod of it is known to be ready, which may come after the news of its Deployment', async () => {
    const check = {
      title: 'GET /',
      run: ({ next }: Versions) => (next.length > 0 ? Promise.resolve('fine') : Promise.reject(new Error('no pod'))),
    };
    assert.equal(await endOf((second) => [pod('one', second >= 2)], [check]), 'passed');
    assert.match(await endOf((second) => [pod('one', second >= 70)], [check]), /could not be found out/);
  });
});

function addressOf({ metadata: { name } }: Pod): PodAddress {
  return { pod: name, origin: 'https://cluster', path: `/pods/${name}/proxy` } as unknown as PodAddress;
}

function isReady({ status }: Pod): boolean {
  return status?.conditions?.some(({ status: value }) => value === 'True') === true;
}
