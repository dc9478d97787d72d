import assert from 'node:assert/strict';
import sinon from 'sinon';
import type { Kinds } from '../../../../lib/kube/client/discovery.ts';
import { KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { planRollout } from '../../../../lib/kube/rollout/plan.ts';

const CLUSTER_WIDE = ['Namespace', 'ClusterRole', 'ClusterRoleBinding', 'CustomResourceDefinition'];

/** Kinds that the cluster serves, all of them. */
const KINDS: Kinds = {
  of: ({ apiVersion, kind }) => ({
    apiVersion,
    kind,
    plural: `${kind.toLowerCase()}s`,
    namespaced: !CLUSTER_WIDE.includes(kind),
  }),
  isNew: () => false,
};

function object(kind: string, name: string, fields: object = {}): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name }, ...fields };
}

/** When the server judges each of some objects, by title, in a cluster that has those of some titles. */
async function judged(
  objects: readonly KubeObject[],
  there: readonly string[] = [],
): Promise<Readonly<Record<string, string>>> {
  const client = sinon.createStubInstance(KubeClient);
  client.get.callsFake(({ resource: { kind }, name }) =>
    Promise.resolve(there.includes(`${kind}/${name}`) ? object(kind, name) : undefined),
  );
  const manifests = objects.map((one, index) => ({ object: one, source: `app.yml:${index + 1}` }));
  const place = { namespace: 'shop', fallback: 'default' };
  const steps = await planRollout(client, manifests, place, KINDS, AbortSignal.timeout(5_000));
  return Object.fromEntries(steps.map((step) => [step.title, step.judged]));
}

describe('when the server can judge an object', () => {
  const app = [object('Namespace', 'shop'), object('Deployment', 'web')];

  it('is before anything is written where its namespace is there, though the manifests name that too', async () => {
    assert.deepEqual(await judged(app, ['Namespace/shop']), { 'Namespace/shop': 'first', 'Deployment/web': 'first' });
  });

  it('is once its namespace is there, where this run makes that', async () => {
    assert.deepEqual(await judged(app), { 'Namespace/shop': 'first', 'Deployment/web': 'onGround' });
  });

  it('is when it is written for a binding whose role this run makes: the account may need the rights in it', async () => {
    const binding = (kind: string): KubeObject => object('RoleBinding', 'b', { roleRef: { kind, name: 'reader' } });
    const there = ['Namespace/shop', 'Role/reader'];
    for (const kind of ['Role', 'ClusterRole']) {
      const steps = [object(kind, 'reader'), binding(kind)];
      assert.equal((await judged(steps, there.slice(0, 1)))['RoleBinding/b'], 'whenWritten');
    }
    assert.equal((await judged([object('Role', 'reader'), binding('Role')], there))['RoleBinding/b'], 'first');
    const other = [object('Role', 'reader'), binding('ClusterRole')];
    assert.equal((await judged(other, there.slice(0, 1)))['RoleBinding/b'], 'first');
  });

  it('is when it is written for a Pod whose service account this run makes', async () => {
    const pod = object('Pod', 'one', { spec: { serviceAccountName: 'runner' } });
    const steps = [object('ServiceAccount', 'runner'), pod];
    const there = ['Namespace/shop', 'ServiceAccount/runner'];
    assert.equal((await judged(steps, there.slice(0, 1)))['Pod/one'], 'whenWritten');
    assert.equal((await judged(steps, there))['Pod/one'], 'first');
  });
});
