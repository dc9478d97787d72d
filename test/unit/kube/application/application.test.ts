import assert from 'node:assert/strict';
import { applicationOf } from '../../../../lib/kube/application/application.ts';
import type { ManifestObject } from '../../../../lib/kube/manifests/manifest-object.ts';

const NOTHING_SAID = { name: undefined, namespace: undefined, fallback: 'default' };

function manifest(kind: string, name: string, namespace?: string): ManifestObject {
  const metadata = namespace === undefined ? { name } : { name, namespace };
  return { object: { apiVersion: 'v1', kind, metadata }, source: 'app.yml:1' };
}

describe('an application', () => {
  it('is called like its first workload, and lives where that does', () => {
    const manifests = [
      manifest('Namespace', 'shop'),
      manifest('ConfigMap', 'settings', 'elsewhere'),
      manifest('Deployment', 'digits', 'shop'),
      manifest('Job', 'migrate', 'shop'),
    ];
    assert.deepEqual(applicationOf(manifests, NOTHING_SAID), { name: 'digits', namespace: 'shop' });
  });

  it('without a workload is called like its first object', () => {
    const manifests = [manifest('ClusterRole', 'system:Reader'), manifest('ConfigMap', 'settings')];
    assert.deepEqual(applicationOf(manifests, NOTHING_SAID), { name: 'system-reader', namespace: 'default' });
  });

  it('has the name and namespace of the inputs where they are given', () => {
    const choice = { name: 'shop.front', namespace: 'prod', fallback: 'default' };
    assert.deepEqual(applicationOf([manifest('Deployment', 'web', 'prod')], choice), {
      name: 'shop.front',
      namespace: 'prod',
    });
  });

  it('is refused under a name that Kubernetes does not take', () => {
    for (const name of ['Shop', 'shop front', '-shop', 'shop-', 'a..b', 'x'.repeat(201), 'shop/front']) {
      assert.throws(() => applicationOf([], { ...NOTHING_SAID, name }), { code: 'APPLICATION_NAME_INVALID' }, name);
    }
  });
});
