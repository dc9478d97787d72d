import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Footprint } from '../../../../lib/kube/application/footprint.ts';
import { FIELD_MANAGER, KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { prune } from '../../../../lib/kube/rollout/prune.ts';
import { restore } from '../../../../lib/kube/rollout/restore.ts';

const NEVER = new AbortController().signal;

function live(apiVersion: string, kind: string): KubeObject {
  const managedFields = [{ manager: FIELD_MANAGER, operation: 'Apply' }];
  return { apiVersion, kind, metadata: { name: 'a', namespace: 'shop', uid: kind, managedFields } };
}

const TOY = live('shop.io/v1', 'Toy');
const OPERATOR = live('apps/v1', 'Deployment');

function footprint(object: KubeObject, before: KubeObject | undefined): Footprint {
  const { apiVersion, kind } = object;
  const resource = { apiVersion, kind, plural: `${kind.toLowerCase()}s`, namespaced: true };
  return { ref: { resource, namespace: 'shop', name: 'a' }, before, desired: object };
}

/** What happens in a cluster whose toys are gone at the second look after they were removed. */
async function happening(act: (client: KubeClient) => Promise<unknown>): Promise<readonly string[]> {
  const happened: string[] = [];
  const client = sinon.createStubInstance(KubeClient);
  let looks = 0;
  client.remove.callsFake(({ resource: { kind } }) => {
    happened.push(`${kind} removed`);
    return Promise.resolve();
  });
  client.get.callsFake(({ resource: { kind } }) => {
    if (kind !== 'Toy') return Promise.resolve(OPERATOR);
    if (!happened.includes('Toy removed')) return Promise.resolve(TOY);
    looks += 1;
    if (looks === 1) return Promise.resolve({ ...TOY, metadata: { ...TOY.metadata, deletionTimestamp: 'now' } });
    happened.push('Toy gone');
    return Promise.resolve(undefined);
  });
  await act(client);
  return happened;
}

describe('a custom resource that is removed', () => {
  const cleared = ['Toy removed', 'Toy gone', 'Deployment removed'];

  it('is gone before what clears it up is pruned', async () => {
    const both = [footprint(OPERATOR, OPERATOR), footprint(TOY, TOY)];
    assert.deepEqual(await happening((client) => prune(client, both, NEVER, () => undefined)), cleared);
  });

  it('is gone before what clears it up is taken back, unless there is no time', async () => {
    const both = [footprint(OPERATOR, undefined), footprint(TOY, undefined)];
    assert.deepEqual(await happening((client) => restore(client, both, NEVER, NEVER)), cleared);
    const hurried = await happening((client) => restore(client, both, NEVER, AbortSignal.abort()));
    assert.deepEqual(hurried, ['Toy removed', 'Deployment removed']);
  });
});
