import assert from 'node:assert/strict';
import type { KubeObject, Pod } from '../../../../lib/kube/objects.ts';
import { pinnedTo, previewOf, servingHashOf, switchedTo } from '../../../../lib/kube/strategies/selector.ts';
import { reaches, targetOf } from '../../../../lib/kube/strategies/service.ts';
import type { Service } from '../../../../lib/kube/strategies/service.ts';
import { webDeployment, webService } from './deployments.ts';

const GREEN = { app: 'web', tier: 'front', 'pod-template-hash': 'new', 'model-delivery/track': 'green' };
const BLUE = { app: 'web', tier: 'front', 'pod-template-hash': 'old' };

function replicaSet(hash: string, creationTimestamp: string, owner = 'd'): KubeObject {
  return {
    apiVersion: 'apps/v1',
    kind: 'ReplicaSet',
    metadata: {
      name: `web-${hash}`,
      uid: hash,
      creationTimestamp,
      labels: { 'pod-template-hash': hash },
      ownerReferences: [{ uid: owner, kind: 'Deployment', name: 'web' }],
    },
  };
}

function podOf(hash: string, name: string, status = 'True'): Pod {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { name, uid: name, ownerReferences: [{ uid: hash, kind: 'ReplicaSet', name: `web-${hash}` }] },
    spec: { containers: [] },
    status: { conditions: [{ type: 'Ready', status }] },
  };
}

describe('the selector of a Service that is switched', () => {
  it('reaches all pods of its labels as it is, only the old ones when pinned, only the new ones when switched', () => {
    const reached = (selector: Readonly<Record<string, string>>): readonly boolean[] =>
      [BLUE, GREEN].map((labels) => reaches(webService({ selector }), labels));
    assert.deepEqual(reached(webService().spec.selector ?? {}), [true, true]);
    assert.deepEqual(reached(pinnedTo('old', webService())), [true, false]);
    assert.deepEqual(reached(switchedTo('green', webService())), [false, true]);
  });

  it('reaches nobody where it is empty: such a Service has its addresses from elsewhere', () => {
    assert.ok(!reaches(webService({ selector: {} }), BLUE));
    assert.ok(!reaches(webService({ selector: undefined }), BLUE));
  });

  it('is pinned to the pods that serve, also after a rollout that got stuck', () => {
    const sets = [replicaSet('old', '2026-01-01T00:00:00Z'), replicaSet('broken', '2026-02-01T00:00:00Z')];
    const pods = [podOf('old', 'a'), podOf('broken', 'b', 'False'), podOf('broken', 'c', 'False')];
    const around = { pods, replicaSets: [...sets, replicaSet('other', '2026-03-01T00:00:00Z', 'x')], events: [] };
    assert.equal(servingHashOf(webDeployment(), around), 'old');
  });

  it('is pinned to the newest pods where none serve', () => {
    const sets = [replicaSet('old', '2026-01-01T00:00:00Z'), replicaSet('new', '2026-02-01T00:00:00Z')];
    assert.equal(servingHashOf(webDeployment(), { pods: [], replicaSets: sets, events: [] }), 'new');
    assert.equal(servingHashOf(webDeployment(), { pods: [], replicaSets: [], events: [] }), undefined);
  });
});

describe('the preview of a new version', () => {
  const balancer = webService({
    type: 'LoadBalancer',
    ports: [{ name: 'http', port: 80, targetPort: 'http', nodePort: 31000 }],
  });
  const preview = previewOf(balancer, 'green', 'shop') as Service;

  it('is a Service within the cluster, on ports of its own', () => {
    assert.equal(preview.metadata.name, 'web-preview');
    assert.equal(preview.spec.type, 'ClusterIP');
    assert.deepEqual(preview.spec.ports, [{ name: 'http', port: 80, targetPort: 'http', protocol: 'TCP' }]);
  });

  it('reaches the new pods alone', () => {
    assert.ok(reaches(preview, GREEN));
    assert.ok(!reaches(preview, BLUE));
  });
});

describe('the port of a pod behind a Service', () => {
  it('is found by name or number', () => {
    assert.deepEqual(targetOf(webService(), webDeployment()), { port: 8080, isTls: false });
    const tls = webService({ ports: [{ port: 443, targetPort: 8443 }] });
    assert.deepEqual(targetOf(tls, webDeployment()), { port: 8443, isTls: true });
    assert.deepEqual(targetOf(webService({ ports: [{ port: 8080 }] }), webDeployment()), { port: 8080, isTls: false });
  });

  it('is unknown where no container has that name', () => {
    const other = webService({ ports: [{ port: 80, targetPort: 'grpc' }] });
    assert.equal(targetOf(other, webDeployment()), undefined);
  });
});
