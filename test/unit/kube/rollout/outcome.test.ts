import assert from 'node:assert/strict';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { isSameContent } from '../../../../lib/kube/rollout/content.ts';
import { addressesOf, runningImagesOf } from '../../../../lib/kube/rollout/outcome.ts';
import { around, pod } from '../readiness/cluster-objects.ts';

function service(address: object, ...ports: readonly object[]): KubeObject {
  const status = { loadBalancer: { ingress: [address] } };
  return { apiVersion: 'v1', kind: 'Service', metadata: { name: 's' }, spec: { type: 'LoadBalancer', ports }, status };
}

describe('the outcome', () => {
  it('gives addresses as URLs where the protocol is known', () => {
    const ip = { ip: '203.0.113.7' };
    assert.deepEqual(addressesOf([service(ip, { port: 80 }, { port: 443 })]), [
      'http://203.0.113.7',
      'https://203.0.113.7',
    ]);
    assert.deepEqual(addressesOf([service(ip, { port: 8080, name: 'http' })]), ['http://203.0.113.7:8080']);
    assert.deepEqual(addressesOf([service({ hostname: 'db.example.com' }, { port: 5432 })]), ['db.example.com:5432']);
    assert.deepEqual(addressesOf([service({ ip: '2001:db8::1' }, { port: 80 })]), ['http://[2001:db8::1]']);
  });

  it('gives the hosts of an Ingress, secure ones as such', () => {
    const spec = { rules: [{ host: 'a.example.com' }, { host: 'b.example.com' }], tls: [{ hosts: ['a.example.com'] }] };
    const status = { loadBalancer: { ingress: [{ ip: '203.0.113.7' }] } };
    const ingress = { apiVersion: 'networking.k8s.io/v1', kind: 'Ingress', metadata: { name: 'i' }, spec };
    assert.deepEqual(addressesOf([{ ...ingress, status }]), ['https://a.example.com', 'http://b.example.com']);
    assert.deepEqual(addressesOf([ingress]), []);
  });

  it('gives the digests that really run, in the words of any container runtime', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const pods = [
      pod('w', { imageID: `docker-pullable://shop.io/app@${digest}` }),
      pod('w', { imageID: `shop.io/app@${digest}` }),
      pod('w', { imageID: `mirror.io/same@${digest}` }),
      pod('w', { imageID: `docker://${digest}` }),
    ];
    const job = { apiVersion: 'batch/v1', kind: 'Job', metadata: { name: 'j', uid: 'w' } };
    assert.deepEqual(runningImagesOf([job], around({ pods })), [`shop.io/app@${digest}`]);
  });
});

describe('the content of an object', () => {
  const object = (metadata: object, rest: object = {}): KubeObject => ({
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name: 'a', ...metadata },
    ...rest,
  });

  it('is the same whatever the server keeps about it', () => {
    const bookkeeping = { resourceVersion: '2', generation: 3, managedFields: [{}], uid: 'u' };
    const annotations = { 'deployment.kubernetes.io/revision': '3' };
    assert.ok(isSameContent(object({}), object({ ...bookkeeping, annotations }, { status: { replicas: 1 } })));
  });

  it('differs by data, spec, labels and annotations', () => {
    for (const other of [
      object({}, { data: { a: 'b' } }),
      object({ labels: { a: 'b' } }),
      object({ annotations: { a: 'b' } }),
    ]) {
      assert.ok(!isSameContent(object({}), other));
    }
  });
});
