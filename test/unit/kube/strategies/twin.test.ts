import assert from 'node:assert/strict';
import type { Deployment } from '../../../../lib/kube/strategies/deployment.ts';
import { reaches } from '../../../../lib/kube/strategies/service.ts';
import { nameBeside } from '../../../../lib/kube/strategies/track.ts';
import { twinOf } from '../../../../lib/kube/strategies/twin.ts';
import { webDeployment, webService } from './deployments.ts';

const PARTS = { track: 'canary', replicas: 2, application: 'shop', settings: [] } as const;

describe('the Deployment of a new version beside the stable one', () => {
  const twin = twinOf(webDeployment(), PARTS) as Deployment;

  it('has a name of its own, and says that it is temporary', () => {
    assert.equal(twin.metadata.name, 'web-canary');
    assert.deepEqual(twin.metadata.labels, { team: 'fruit', 'model-delivery/temporary': 'shop' });
  });

  it('carries nothing of what the cluster keeps about the stable one', () => {
    assert.deepEqual(Object.keys(twin), ['apiVersion', 'kind', 'metadata', 'spec']);
    assert.deepEqual(Object.keys(twin.metadata), ['name', 'namespace', 'labels']);
  });

  it('owns pods that the Service reaches, by a selector that the stable pods do not match', () => {
    const stable = webDeployment().spec.template.metadata?.labels ?? {};
    const pods = twin.spec.template.metadata?.labels ?? {};
    assert.ok(reaches(webService(), pods));
    const wanted = Object.entries(twin.spec.selector.matchLabels ?? {});
    assert.ok(wanted.every(([key, value]) => pods[key] === value));
    assert.ok(!wanted.every(([key, value]) => stable[key] === value));
  });

  it('runs what the stable one would run', () => {
    assert.deepEqual(twin.spec.template.spec, webDeployment().spec.template.spec);
    assert.deepEqual(twin.spec.template.metadata?.annotations, { note: 'kept' });
    assert.equal(twin.spec.minReadySeconds, 2);
    assert.equal(twin.spec.replicas, 2);
  });

  it('takes its settings from copies, wherever a pod names them', () => {
    const podSpec = (settings: string, secret: string): object => ({
      containers: [
        {
          envFrom: [{ configMapRef: { name: settings } }, { secretRef: { name: secret } }],
          env: [
            { name: 'A', valueFrom: { configMapKeyRef: { name: settings, key: 'a' } } },
            { name: 'B', valueFrom: { secretKeyRef: { name: secret, key: 'settings' } } },
            { name: 'C', value: 'settings' },
          ],
        },
      ],
      initContainers: [{ envFrom: [{ configMapRef: { name: settings } }, { configMapRef: { name: 'other' } }] }],
      volumes: [
        { name: 'settings', configMap: { name: settings } },
        { name: 'b', secret: { secretName: secret } },
        {
          name: 'c',
          projected: { sources: [{ configMap: { name: settings } }, { secret: { name: secret } }] },
        },
      ],
      imagePullSecrets: [{ name: secret }, { name: 'registry' }],
    });
    const settings = [
      { kind: 'ConfigMap', from: 'settings', to: 'settings-canary' },
      { kind: 'Secret', from: 'keys', to: 'keys-canary' },
    ] as const;
    const own = twinOf(webDeployment(podSpec('settings', 'keys')), { ...PARTS, settings }) as Deployment;
    assert.deepEqual(own.spec.template.spec, podSpec('settings-canary', 'keys-canary'));
  });
});

describe('a name beside another', () => {
  it('stays within what Kubernetes allows', () => {
    assert.equal(nameBeside('a'.repeat(253), 'canary').length, 253);
    assert.equal(nameBeside('a'.repeat(63), 'preview', 'Service').length, 63);
  });
});
