import assert from 'node:assert/strict';
import { inLevels, refuseRepeats } from '../../../../lib/kube/manifests/order.ts';

describe('the order of applying', () => {
  it('puts first what others need, and keeps the order of the manifests otherwise', () => {
    const kinds = ['Ingress', 'Deployment', 'MyThing', 'Service', 'ConfigMap', 'Job', 'Namespace', 'APIService'];
    assert.deepEqual(
      inLevels(kinds, (kind) => kind),
      [['Namespace'], ['ConfigMap'], ['Service'], ['Deployment', 'Job'], ['Ingress'], ['MyThing'], ['APIService']],
    );
  });

  it('refuses an object that two manifests define, in whichever version', () => {
    const define = (source: string, apiVersion: string) => ({
      object: { apiVersion, kind: 'Ingress', metadata: { name: 'web' } },
      source,
    });
    const twice = [define('a.yaml:1', 'networking.k8s.io/v1'), define('b.yaml:9', 'networking.k8s.io/v1beta1')];
    assert.throws(() => refuseRepeats(twice, () => 'shop'), {
      code: 'MANIFEST_INVALID',
      message: /a\.yaml:1.*b\.yaml:9/,
    });
    refuseRepeats(twice, ({ source }) => source);
  });
});
