import assert from 'node:assert/strict';
import { assess } from '../../../../lib/kube/readiness/assess.ts';
import type { Verdict } from '../../../../lib/kube/readiness/verdict.ts';
import type { KubeEvent, KubeObject } from '../../../../lib/kube/objects.ts';
import { around, event, targetOf } from './cluster-objects.ts';

interface Parts {
  readonly apiVersion?: string;
  readonly spec?: object;
  readonly status?: object;
  readonly generation?: number;
}

function look(kind: string, parts: Parts, events: readonly KubeEvent[] = [], waitedMs = 0): Verdict {
  const { apiVersion = 'v1', generation = 1, spec = {}, status } = parts;
  const metadata = { name: 'it', uid: 'u', generation };
  const live: KubeObject = { apiVersion, kind, metadata, spec, ...(status === undefined ? {} : { status }) };
  return assess(targetOf(live), live, around({ events }), waitedMs);
}
const ingress = { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } };

describe('readiness', () => {
  it('of a Service is its address, if it is of type LoadBalancer', () => {
    assert.equal(look('Service', { spec: { type: 'ClusterIP' } }).state, 'ready');
    assert.equal(look('Service', { spec: { type: 'LoadBalancer' } }).state, 'waiting');
    assert.equal(look('Service', { spec: { type: 'LoadBalancer' }, status: ingress }).detail, '203.0.113.7');
  });

  it('of an Ingress is its address, for which it is waited a minute', () => {
    const apiVersion = 'networking.k8s.io/v1';
    assert.equal(look('Ingress', { apiVersion }).state, 'waiting');
    assert.equal(look('Ingress', { apiVersion, status: ingress }).state, 'ready');
    const late = look('Ingress', { apiVersion }, [], 61_000);
    assert.match(late.state === 'ready' ? (late.warning ?? '') : '', /ingress controller/);
  });

  it('of a volume claim is being bound, or waiting for its first pod', () => {
    assert.equal(look('PersistentVolumeClaim', { status: { phase: 'Pending' } }).state, 'waiting');
    assert.equal(look('PersistentVolumeClaim', { status: { phase: 'Bound' } }).state, 'ready');
    const first = [event('WaitForFirstConsumer', '', 'u')];
    assert.equal(look('PersistentVolumeClaim', { status: { phase: 'Pending' } }, first).state, 'ready');
    const lost = look('PersistentVolumeClaim', { status: { phase: 'Lost' } });
    assert.equal(lost.state === 'waiting' && lost.symptoms[0]?.code, 'OBJECT_FAILED');
  });

  it('of a definition is being established', () => {
    const apiVersion = 'apiextensions.k8s.io/v1';
    const established = { conditions: [{ type: 'Established', status: 'True' }] };
    assert.equal(look('CustomResourceDefinition', { apiVersion }).state, 'waiting');
    assert.equal(look('CustomResourceDefinition', { apiVersion, status: established }).state, 'ready');
  });

  it('of a bare Pod is its condition, or that it has done its work', () => {
    assert.equal(look('Pod', { status: { phase: 'Running' } }).state, 'waiting');
    assert.equal(look('Pod', { status: { phase: 'Succeeded' } }).state, 'ready');
    const conditions = [{ type: 'Ready', status: 'True' }];
    assert.equal(look('Pod', { status: { phase: 'Running', conditions } }).state, 'ready');
    const failed = look('Pod', { status: { phase: 'Failed' } });
    assert.equal(failed.state === 'waiting' && failed.symptoms[0]?.code, 'CONTAINER_CRASHED');
  });

  it('of any other kind is what its conditions say', () => {
    const apiVersion = 'example.com/v1';
    const say = (type: string, status: string): Verdict =>
      look('Thing', { apiVersion, status: { conditions: [{ type, status }] } });
    assert.equal(look('Thing', { apiVersion }).state, 'ready');
    assert.equal(say('Ready', 'True').state, 'ready');
    assert.equal(say('Ready', 'False').state, 'waiting');
    assert.equal(say('Reconciling', 'True').state, 'waiting');
    const stalled = say('Stalled', 'True');
    assert.equal(stalled.state === 'waiting' && stalled.symptoms[0]?.code, 'OBJECT_FAILED');
    assert.equal(look('Thing', { apiVersion, generation: 2, status: { observedGeneration: 1 } }).state, 'waiting');
  });

  it('of a custom resource is not known before its controller has said a word, for which it gets a moment', () => {
    const live: KubeObject = { apiVersion: 'example.com/v1', kind: 'Thing', metadata: { name: 'it', uid: 'u' } };
    const target = targetOf(live);
    const watched = { ...target, ref: { ...target.ref, resource: { ...target.ref.resource, hasStatus: true } } };
    assert.equal(assess(watched, live, around(), 0).state, 'waiting');
    assert.equal(assess(watched, live, around(), 10_000).state, 'ready');
    const conditions = [{ type: 'Ready', status: 'False' }];
    assert.equal(assess(watched, { ...live, status: { conditions } }, around(), 10_000).state, 'waiting');
  });

  it('of an APIService is that its server answers', () => {
    const apiVersion = 'apiregistration.k8s.io/v1';
    const available = { conditions: [{ type: 'Available', status: 'True' }] };
    assert.equal(look('APIService', { apiVersion }).state, 'waiting');
    assert.equal(look('APIService', { apiVersion, status: available }).state, 'ready');
  });

  it('of budgets and autoscalers is that their controller has seen them', () => {
    const apiVersion = 'policy/v1';
    const status = { observedGeneration: 1, currentHealthy: 0, disruptionsAllowed: 0 };
    assert.equal(look('PodDisruptionBudget', { apiVersion, generation: 2, status }).state, 'waiting');
    assert.equal(look('PodDisruptionBudget', { apiVersion, generation: 1, status }).state, 'ready');
    assert.equal(look('HorizontalPodAutoscaler', { apiVersion: 'autoscaling/v2', status: {} }).state, 'ready');
  });

  it('of what has no state is being written', () => {
    assert.equal(look('ConfigMap', {}).state, 'ready');
    assert.equal(look('CronJob', { apiVersion: 'batch/v1' }).state, 'ready');
  });
});
