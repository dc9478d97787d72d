import assert from 'node:assert/strict';
import { newborn } from '../../../../lib/kube/rollout/newborn.ts';

describe('an object that is made anew as it was', () => {
  it('has nothing of what the cluster gave to the one before', () => {
    const metadata = {
      name: 'web',
      namespace: 'prod',
      uid: 'u',
      resourceVersion: '7',
      generation: 2,
      labels: { app: 'web' },
    };
    const { metadata: kept } = newborn({ apiVersion: 'v1', kind: 'ConfigMap', metadata });
    assert.deepEqual(kept, { name: 'web', namespace: 'prod', labels: { app: 'web' } });
  });

  it('is free to run on another node, if it is a Pod', () => {
    const spec = { nodeName: 'node-1', containers: [] };
    assert.deepEqual(newborn({ apiVersion: 'v1', kind: 'Pod', metadata: { name: 'p' }, spec }).spec, {
      containers: [],
    });
  });

  it('finds pods of its own, if it is a Job', () => {
    const labels = { 'controller-uid': 'u', 'job-name': 'work', team: 'shop' };
    const spec = { selector: { matchLabels: { 'controller-uid': 'u' } }, template: { metadata: { labels }, spec: {} } };
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'work' }, spec };
    assert.deepEqual(newborn(job).spec, { template: { metadata: { labels: { team: 'shop' } }, spec: {} } });
    const manual = { ...job, spec: { ...spec, manualSelector: true } };
    assert.deepEqual(newborn(manual).spec, manual.spec);
  });
});
