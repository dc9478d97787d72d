import assert from 'node:assert/strict';
import { assess } from '../../../../lib/kube/readiness/assess.ts';
import type { Verdict } from '../../../../lib/kube/readiness/verdict.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { around, deployment, DONE, event, pod, replicaSet, targetOf } from './cluster-objects.ts';

const DEADLINE = { type: 'Progressing', status: 'False', reason: 'ProgressDeadlineExceeded', lastUpdateTime: 'then' };

/** The codes of what ails an object. */
function codesOf(verdict: Verdict): readonly string[] {
  return verdict.state === 'waiting' ? verdict.symptoms.map(({ code }) => code) : [];
}

function look(live: KubeObject, written = live, surroundings = around()): Verdict {
  return assess(targetOf(written), live, surroundings, 0);
}

describe('a Deployment', () => {
  it('is ready when all replicas are updated and available and the old ones are gone', () => {
    assert.equal(look(deployment({ status: DONE })).state, 'ready');
  });

  for (const [still, status] of [
    ['not all are updated', { ...DONE, updatedReplicas: 1 }],
    ['an old one still runs', { ...DONE, replicas: 3 }],
    ['one is not available', { ...DONE, availableReplicas: 1 }],
    ['its controller has not seen it', { ...DONE, observedGeneration: 1 }],
  ] as const) {
    it(`is waited for while ${still}`, () => {
      assert.equal(look(deployment({ status })).state, 'waiting');
    });
  }

  it('whose strategy allows all replicas to be away is available to its controller, and still waited for', () => {
    const conditions = [{ type: 'Available', status: 'True' }];
    const spec = { strategy: { rollingUpdate: { maxUnavailable: '100%' } } };
    assert.equal(look(deployment({ spec, status: { ...DONE, availableReplicas: 0, conditions } })).state, 'waiting');
  });

  it('is waited for while the picture is older than what was written', () => {
    const live = deployment({ generation: 2, status: DONE });
    assert.equal(look(live, deployment({ generation: 3 })).state, 'waiting');
  });

  it('that is paused never succeeds', () => {
    assert.deepEqual(codesOf(look(deployment({ spec: { paused: true }, status: DONE }))), ['WORKLOAD_PAUSED']);
  });

  it('that somebody scaled to zero never succeeds, unless its manifest asks for that', () => {
    const live = deployment({ spec: { replicas: 0 }, status: {} });
    assert.deepEqual(codesOf(look(live)), ['WORKLOAD_SCALED_TO_ZERO']);
    const verdict = assess(targetOf(live, true), live, around(), 0);
    assert.equal(verdict.state === 'ready' && verdict.warning, 'Deployment/web runs no replicas.');
  });

  it('that misses its progress deadline fails', () => {
    const live = deployment({ status: { updatedReplicas: 1, conditions: [DEADLINE] } });
    assert.deepEqual(codesOf(look(live, deployment({}))), ['PROGRESS_DEADLINE_EXCEEDED']);
  });

  it('that misses its progress deadline because of a probe says what the probe said', () => {
    const live = deployment({ status: { updatedReplicas: 1, conditions: [DEADLINE] } });
    const events = [event('Unhealthy', 'Readiness probe failed: HTTP probe failed with statuscode: 404')];
    const parts = { replicaSets: [replicaSet('new', '2')], pods: [pod('new')], events };
    const verdict = look(live, deployment({}), around(parts));
    assert.match(
      verdict.state === 'waiting' ? (verdict.symptoms[0]?.message ?? '') : '',
      /: Readiness probe .* 404\.$/,
    );
  });

  it('does not fail by a deadline that an earlier version missed', () => {
    const live = deployment({ status: { updatedReplicas: 1, conditions: [DEADLINE] } });
    assert.deepEqual(codesOf(look(live, deployment({ status: { conditions: [DEADLINE] } }))), []);
  });

  it('is judged by the pods of its newest version only', () => {
    const live = deployment({ status: { updatedReplicas: 1 } });
    const crashing = { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 1 } } };
    const replicaSets = [replicaSet('old', '1'), replicaSet('new', '2')];
    assert.deepEqual(codesOf(look(live, live, around({ replicaSets, pods: [pod('old', crashing)] }))), []);
    assert.deepEqual(codesOf(look(live, live, around({ replicaSets, pods: [pod('new', crashing)] }))), [
      'CONTAINER_CRASHED',
    ]);
  });

  it('is not blamed for an old version that crashes, while its controller has made nothing of the new one', () => {
    const live = deployment({ status: { replicas: 2 } });
    const crashing = { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 1 } } };
    // Until then the Deployment still has the number of the old version.
    const replicaSets = [replicaSet('old', '1', { revision: '2' })];
    assert.deepEqual(codesOf(look(live, live, around({ replicaSets, pods: [pod('old', crashing)] }))), []);
  });

  const failure = { type: 'ReplicaFailure', status: 'True', message: 'exceeded quota: small' };

  it('whose pods the cluster refuses to create fails, and a quota is named as such', () => {
    const live = deployment({ status: { conditions: [failure] } });
    const replicaSets = [replicaSet('old', '1'), replicaSet('new', '2', { conditions: [failure] })];
    const verdict = look(live, live, around({ replicaSets }));
    assert.deepEqual(codesOf(verdict), ['PODS_NOT_CREATED']);
    assert.match(verdict.state === 'waiting' ? (verdict.symptoms[0]?.remedy ?? '') : '', /ResourceQuota/);
  });

  it('is not blamed for pods of another version that could not be created, though it repeats that', () => {
    const live = deployment({ status: { conditions: [failure] } });
    const events = [event('FailedCreate', failure.message, 'failed')];
    // After a step back the revision numbers follow a moment later: the failed version has that of the Deployment.
    const failed = replicaSet('failed', '3', { conditions: [failure], revision: '2' });
    const replicaSets = [failed, replicaSet('restored', '2', { revision: '1' })];
    assert.deepEqual(codesOf(look(live, live, around({ replicaSets, events }))), []);
  });

  it('that is deleted while it is waited for fails, but not for a watch that lags', () => {
    const target = targetOf(deployment({}));
    assert.deepEqual(codesOf(assess(target, undefined, around(), 100)), []);
    assert.deepEqual(codesOf(assess(target, undefined, around(), 10_000)), ['OBJECT_DELETED']);
  });
});

function workload(kind: string, spec: object, status: object): KubeObject {
  const metadata = { name: 'web', uid: 'w', generation: 1 };
  return { apiVersion: 'apps/v1', kind, metadata, spec, status: { observedGeneration: 1, ...status } };
}

describe('a StatefulSet', () => {
  const status = { replicas: 3, readyReplicas: 3, currentRevision: 'a', updateRevision: 'b' };

  it('is ready when all replicas run the newest revision', () => {
    assert.equal(look(workload('StatefulSet', { replicas: 3 }, { ...status, updatedReplicas: 2 })).state, 'waiting');
    assert.equal(look(workload('StatefulSet', { replicas: 3 }, { ...status, updatedReplicas: 3 })).state, 'ready');
    const settled = { replicas: 3, readyReplicas: 3, currentRevision: 'b', updateRevision: 'b' };
    assert.equal(look(workload('StatefulSet', { replicas: 3 }, settled)).state, 'ready');
  });

  it('with a partition is ready when the replicas beyond it are updated', () => {
    const spec = { replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition: 2 } } };
    assert.equal(look(workload('StatefulSet', spec, { ...status, updatedReplicas: 1 })).state, 'ready');
  });

  it('with a partition says that old pods still run', () => {
    for (const [partition, updatedReplicas] of [
      [2, 1],
      [3, 0],
    ]) {
      const spec = { replicas: 3, updateStrategy: { type: 'RollingUpdate', rollingUpdate: { partition } } };
      const verdict = look(workload('StatefulSet', spec, { ...status, updatedReplicas }));
      assert.match(verdict.state === 'ready' ? (verdict.warning ?? '') : '', /old pods still run/);
    }
  });

  it('that updates on delete only says that old pods still run', () => {
    const live = workload('StatefulSet', { replicas: 3, updateStrategy: { type: 'OnDelete' } }, status);
    const verdict = look(live);
    assert.match(verdict.state === 'ready' ? (verdict.warning ?? '') : '', /old pods still run/);
  });
});

describe('a ReplicaSet', () => {
  const status = { replicas: 1, availableReplicas: 1 };
  const running = (image: string): Verdict => {
    const template = { spec: { containers: [{ name: 'app', image }] } };
    const live = workload('ReplicaSet', { replicas: 1, template }, status);
    return look(live, live, around({ pods: [pod('w', { ready: true })] }));
  };

  it('is ready when all replicas are available', () => {
    const images = pod('w').spec.containers.map(({ image }) => image);
    assert.deepEqual(running(images[0] ?? ''), { state: 'ready', detail: '1/1 available' });
  });

  it('says that old pods still run, for it never replaces any', () => {
    const verdict = running('shop.io/app:9');
    assert.match(verdict.state === 'ready' ? (verdict.warning ?? '') : '', /old pods still run/);
  });
});

describe('a DaemonSet', () => {
  it('is ready when every node runs the newest version', () => {
    const status = { desiredNumberScheduled: 2, updatedNumberScheduled: 2, numberAvailable: 1 };
    assert.equal(look(workload('DaemonSet', {}, status)).state, 'waiting');
    assert.equal(look(workload('DaemonSet', {}, { ...status, numberAvailable: 2 })).state, 'ready');
  });

  it('that matches no node says so', () => {
    const verdict = look(workload('DaemonSet', {}, { desiredNumberScheduled: 0 }));
    assert.match(verdict.state === 'ready' ? (verdict.warning ?? '') : '', /matches no node/);
  });
});

describe('a Job', () => {
  const job = (status: object, spec: object = {}): KubeObject => ({
    ...workload('Job', spec, status),
    apiVersion: 'batch/v1',
  });

  it('is ready when it is complete, and not before', () => {
    assert.equal(look(job({ active: 1 })).state, 'waiting');
    assert.equal(look(job({ conditions: [{ type: 'Complete', status: 'True' }] })).state, 'ready');
  });

  it('that has failed fails; a pod that crashes is its own affair until then', () => {
    const crashing = { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: { exitCode: 1 } } };
    assert.deepEqual(codesOf(look(job({ active: 1 }), job({}), around({ pods: [pod('w', crashing)] }))), []);
    assert.deepEqual(codesOf(look(job({ conditions: [{ type: 'Failed', status: 'True' }] }))), ['JOB_FAILED']);
  });

  it('whose pods are refused fails by the event, because it has no condition for that', () => {
    const events = [event('FailedCreate', 'pods "x" is forbidden: exceeded quota', 'w')];
    assert.deepEqual(codesOf(look(job({}), job({}), around({ events }))), ['PODS_NOT_CREATED']);
  });
});
