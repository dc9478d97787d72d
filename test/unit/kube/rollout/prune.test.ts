import assert from 'node:assert/strict';
import sinon from 'sinon';
import { keyOf } from '../../../../lib/kube/application/footprint.ts';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import { FIELD_MANAGER, KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import type { ObjectRef } from '../../../../lib/kube/client/resource.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { abandonedBy } from '../../../../lib/kube/rollout/prune.ts';

const NEVER = new AbortController().signal;
const CONFIG_MAPS = { apiVersion: 'v1', kind: 'ConfigMap', plural: 'configmaps', namespaced: true };

function refTo(name: string): ObjectRef {
  return { resource: CONFIG_MAPS, namespace: 'prod', name };
}

function configMap(name: string, manager = FIELD_MANAGER): KubeObject {
  return {
    apiVersion: 'v1',
    kind: 'ConfigMap',
    metadata: { name, namespace: 'prod', managedFields: [{ manager, operation: 'Apply' }] },
  };
}

describe('what a rollout prunes', () => {
  const applied = ['kept', 'left', 'taken-over', 'gone', 'gone-unfinished'].map(refTo);
  const unfinished: Footprint = {
    ref: refTo('gone-unfinished'),
    before: configMap('gone-unfinished'),
    desired: undefined,
  };
  const leftovers = new Map([[keyOf(unfinished.ref), unfinished]]);
  const client = sinon.createStubInstance(KubeClient);
  client.get.callsFake(({ name }) =>
    Promise.resolve(
      { kept: configMap('kept'), left: configMap('left'), 'taken-over': configMap('taken-over', 'kubectl') }[name],
    ),
  );
  const pruned = async (left = leftovers): Promise<readonly string[]> =>
    (
      await abandonedBy(
        client,
        { applied, wanted: [{ ref: refTo('kept'), before: undefined }], leftovers: left },
        NEVER,
      )
    ).map(({ ref }) => ref.name);

  it('is what the application had, has no more, and still belongs to it', async () => {
    assert.deepEqual(await pruned(new Map()), ['left']);
  });

  it('is also what a run that was killed had removed already, which must not be put back', async () => {
    assert.deepEqual(await pruned(), ['left', 'gone-unfinished']);
  });

  it('is nothing that another group of the API serves too, and the run has by that', async () => {
    const ingress = (apiVersion: string): ObjectRef => ({
      resource: { apiVersion, kind: 'Ingress', plural: 'ingresses', namespaced: true },
      namespace: 'prod',
      name: 'web',
    });
    const live = configMap('web');
    const before = { ...live, metadata: { ...live.metadata, uid: 'one' } };
    const cluster = sinon.createStubInstance(KubeClient);
    cluster.get.resolves(before);
    const scope = { applied: [ingress('extensions/v1beta1')], leftovers: new Map<string, Footprint>() };
    const wanted = { ref: ingress('networking.k8s.io/v1'), before };
    assert.deepEqual(await abandonedBy(cluster, { ...scope, wanted: [wanted] }, NEVER), []);
    assert.equal((await abandonedBy(cluster, { ...scope, wanted: [] }, NEVER)).length, 1);
  });
});
