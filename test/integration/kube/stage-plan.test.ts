import assert from 'node:assert/strict';
import { KubeClient } from '../../../lib/kube/client/kube-client.ts';
import type { KubeObject } from '../../../lib/kube/objects.ts';
import type { Step } from '../../../lib/kube/rollout/plan.ts';
import { planStage } from '../../../lib/kube/strategies/stage-plan.ts';
import type { StagePlan } from '../../../lib/kube/strategies/stage-plan.ts';
import { list, playServer } from '../../support/api-server.ts';
import type { PlayedServer } from '../../support/api-server.ts';
import { webDeployment, webService } from '../../unit/kube/strategies/deployments.ts';

function step(next: KubeObject, before: KubeObject | undefined): Step {
  const { apiVersion, kind, metadata } = next;
  const resource = { apiVersion, kind, plural: `${kind.toLowerCase()}s`, namespaced: true };
  return {
    ref: { resource, namespace: metadata.namespace, name: metadata.name },
    title: `${kind}/${metadata.name}`,
    source: 'app.yml:1',
    desired: next,
    before,
    preview: next,
    judged: 'first',
  };
}

function settings(value: string, name = 'settings'): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name, namespace: 'shop' }, data: { value } };
}

const READS_SETTINGS = { containers: [{ envFrom: [{ configMapRef: { name: 'settings' } }] }] };

describe('the plan of what comes up beside the stable version', () => {
  let server: PlayedServer | undefined;
  afterEach(() => server?.close());

  async function planOf(steps: readonly Step[], ...services: readonly object[]): Promise<StagePlan | undefined> {
    server = await playServer(list('1', ...services));
    const client = new KubeClient(server.access);
    try {
      return await planStage(client, steps, { track: 'canary', application: 'web' }, AbortSignal.timeout(5_000));
    } finally {
      await client.close();
    }
  }

  it('has the Deployments that change and that a Service reaches', async () => {
    const plan = await planOf([step(webDeployment({ priority: 1 }), webDeployment())], webService());
    assert.deepEqual(
      plan?.contenders.map(({ step: { title }, services }) => [title, services.map(({ metadata }) => metadata.name)]),
      [['Deployment/web', ['web']]],
    );
    assert.deepEqual(plan.copies, []);
  });

  it('is none for a first deployment, without a Service, and where nothing changes', async () => {
    const changed = webDeployment({ priority: 1 });
    assert.equal(await planOf([step(changed, undefined)], webService()), undefined);
    assert.equal(await planOf([step(changed, webDeployment())], webService({ selector: { app: 'api' } })), undefined);
    assert.equal(await planOf([step(webDeployment(), webDeployment())], webService()), undefined);
  });

  it('has a Deployment of which only the settings change, and copies of those that it reads', async () => {
    const web = webDeployment(READS_SETTINGS);
    const steps = [
      step(web, web),
      step(settings('new'), settings('old')),
      step(settings('new', 'other'), settings('old', 'other')),
    ];
    const plan = await planOf(steps, webService());
    assert.deepEqual(
      plan?.copies.map(({ copy }) => [copy.metadata.name, copy.data]),
      [['settings-canary', { value: 'new' }]],
    );
  });

  it('makes new objects that pods may stand on first; what acts on the stable version waits', async () => {
    const policy = { ...settings('x', 'policy'), kind: 'NetworkPolicy' };
    const vault = {
      ...settings('x', 'vault'),
      apiVersion: 'secrets-store.csi.x-k8s.io/v1',
      kind: 'SecretProviderClass',
    };
    const steps = [
      step(webDeployment({ priority: 1 }), webDeployment()),
      step(settings('x'), undefined),
      step(vault, undefined),
      step(policy, undefined),
    ];
    const plan = await planOf(steps, webService());
    assert.deepEqual(
      plan?.first.map(({ title }) => title),
      ['ConfigMap/settings', 'SecretProviderClass/vault'],
    );
  });

  it('leaves an object whose kind is new with it to the promotion', async () => {
    const definition = {
      apiVersion: 'apiextensions.k8s.io/v1',
      kind: 'CustomResourceDefinition',
      metadata: { name: 'toys.shop.io' },
      spec: { group: 'shop.io', names: { kind: 'Toy', plural: 'toys' } },
    };
    const toy = { ...settings('x', 'bear'), apiVersion: 'shop.io/v1', kind: 'Toy' };
    const steps = [
      step(webDeployment({ priority: 1 }), webDeployment()),
      step(definition, undefined),
      step(toy, undefined),
    ];
    const plan = await planOf(steps, webService());
    assert.deepEqual(
      plan?.first.map(({ title }) => title),
      ['CustomResourceDefinition/toys.shop.io'],
    );
  });
});
