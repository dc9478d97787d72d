import assert from 'node:assert/strict';
import { symptomsOfPod } from '../../../../lib/kube/readiness/pod-symptoms.ts';
import type { Pod } from '../../../../lib/kube/objects.ts';
import { event, pod } from './cluster-objects.ts';

const waiting = (reason: string, message = ''): Pod => pod('o', { state: { waiting: { reason, message } } });

describe('a pod', () => {
  it('whose image is not there fails at once; the event tells why', () => {
    const events = [
      event('Failed', 'Failed to pull image "shop.io/app:2": manifest unknown'),
      event('Failed', 'Error: ErrImagePull'),
      event('BackOff', 'Back-off pulling image "shop.io/app:2"'),
      event('Failed', 'Error: ImagePullBackOff'),
    ];
    const [symptom] = symptomsOfPod(waiting('ImagePullBackOff', 'Back-off pulling image'), events);
    assert.equal(symptom?.code, 'IMAGE_PULL_FAILED');
    assert.equal(symptom.graceMs, 0);
    assert.match(symptom.message, /shop\.io\/app:2.*app.*web-1.*manifest unknown/);
    assert.match(symptom.remedy, /Push the image first/);
  });

  it('that may not pull its image is told how to get the right', () => {
    const [symptom] = symptomsOfPod(waiting('ErrImagePull', 'unauthorized: authentication required'), []);
    assert.match(symptom?.remedy ?? '', /attach-acr.*imagePullSecret/);
  });

  it('whose registry hiccups is given time', () => {
    const [symptom] = symptomsOfPod(waiting('ErrImagePull', 'dial tcp: i/o timeout'), []);
    assert.ok((symptom?.graceMs ?? 0) > 0);
  });

  it('that crashes may be waiting for another part, until it has crashed too often', () => {
    const crashed = (restartCount: number): Pod =>
      pod('o', {
        restartCount,
        state: { waiting: { reason: 'CrashLoopBackOff' } },
        lastState: { terminated: { exitCode: 1, reason: 'Error' } },
      });
    const [early] = symptomsOfPod(crashed(1), []);
    assert.deepEqual([early?.code, early?.patient], ['CONTAINER_CRASHED', true]);
    assert.match(early?.message ?? '', /exit code 1, 2 times/);
    assert.equal(symptomsOfPod(crashed(3), [])[0]?.patient, false);
  });

  for (const [end, remedy] of [
    [{ exitCode: 137, reason: 'OOMKilled' }, /memory/],
    [{ exitCode: 0, reason: 'Completed' }, /must not end/],
    [{ exitCode: 127 }, /not found/],
    [{ exitCode: 139 }, /platform/],
    [{ exitCode: 1 }, /last lines/],
  ] as const) {
    it(`that ended with code ${end.exitCode} is told what to do about it`, () => {
      const crashed = pod('o', { state: { waiting: { reason: 'CrashLoopBackOff' } }, lastState: { terminated: end } });
      assert.match(symptomsOfPod(crashed, [])[0]?.remedy ?? '', remedy);
    });
  }

  it('that its liveness probe kills is not told to look for memory', () => {
    const crashed = pod('o', {
      state: { waiting: { reason: 'CrashLoopBackOff' } },
      lastState: { terminated: { exitCode: 137, reason: 'Error' } },
    });
    assert.match(symptomsOfPod(crashed, [event('Unhealthy', 'Liveness probe failed: 404')])[0]?.remedy ?? '', /probe/);
  });

  it('that cannot be started at all fails at once', () => {
    const end = { exitCode: 128, reason: 'ContainerCannotRun', message: 'exec: "nope": not found' };
    const [symptom] = symptomsOfPod(pod('o', { state: { terminated: end } }), []);
    assert.deepEqual([symptom?.code, symptom?.graceMs, symptom?.patient], ['CONTAINER_CRASHED', 0, undefined]);
    assert.match(symptom?.message ?? '', /"nope"/);
  });

  it('that misses a Secret or ConfigMap names it', () => {
    const [config] = symptomsOfPod(waiting('CreateContainerConfigError', 'configmap "settings" not found'), []);
    assert.equal(config?.code, 'CONTAINER_CONFIG_INVALID');
    const events = [event('FailedMount', 'MountVolume.SetUp failed: secret "key" not found')];
    const [volume] = symptomsOfPod(waiting('ContainerCreating'), events);
    assert.equal(volume?.code, 'VOLUME_MOUNT_FAILED');
    assert.match(volume.message, /secret "key" not found/);
  });

  it('that no node takes is given time, and more if a new node is on its way', () => {
    const lonely: Pod = {
      ...pod('o'),
      status: {
        conditions: [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }],
      },
    };
    assert.equal(symptomsOfPod(lonely, [])[0]?.code, 'POD_UNSCHEDULABLE');
    assert.ok((symptomsOfPod(lonely, [])[0]?.graceMs ?? 0) > 0);
    assert.deepEqual(symptomsOfPod(lonely, [event('TriggeredScaleUp', 'coming')]), []);
    assert.deepEqual(symptomsOfPod(lonely, [event('Nominated', 'coming')]), []);
  });

  it('that no node takes has as much time where no new node helps: an old pod may make room', () => {
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message: '0/3 nodes' }];
    const lonely: Pod = { ...pod('o'), status: { conditions } };
    const [symptom] = symptomsOfPod(lonely, [event('NotTriggerScaleUp', 'no')]);
    assert.equal(symptom?.graceMs, symptomsOfPod(lonely, [])[0]?.graceMs);
  });

  it('whose volume claim is not there names it, and does not ask for nodes', () => {
    const message = '0/3 nodes are available: 3 persistentvolumeclaim "data" not found.';
    const conditions = [{ type: 'PodScheduled', status: 'False', reason: 'Unschedulable', message }];
    const [symptom] = symptomsOfPod({ ...pod('o'), status: { conditions } }, []);
    assert.equal(symptom?.code, 'VOLUME_MOUNT_FAILED');
    assert.match(symptom.message, /: persistentvolumeclaim "data" not found\.$/);
    assert.match(symptom.remedy, /Create the PersistentVolumeClaim/);
  });

  it('that only starts slowly has no symptom', () => {
    assert.deepEqual(symptomsOfPod(waiting('ContainerCreating'), []), []);
    assert.deepEqual(symptomsOfPod(pod('o', { state: { running: {} } }), []), []);
  });
});
