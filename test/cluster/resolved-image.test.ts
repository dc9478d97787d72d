import assert from 'node:assert/strict';
import { kubeconfigConnection, RolloutBench } from '../support/rollout-bench.ts';
import { runTaskProcess, type TaskProcessResult } from '../support/packed-task.ts';

const MANIFEST = `apiVersion: apps/v1
kind: Deployment
metadata: {name: app}
spec:
  selector: {matchLabels: {app: app}}
  template:
    metadata: {labels: {app: app}}
    spec:
      terminationGracePeriodSeconds: 1
      containers:
        - name: web
          image: app
          command: [sleep, '3600']
`;

describe('ResolveLatestImage and what is deployed', () => {
  let bench: RolloutBench;
  before(async function () {
    this.timeout('15m');
    bench = await RolloutBench.open();
  });
  after(async () => bench.close());

  /** The repository that both images of the bench are of, with the tags 1 and 2. */
  const repository = (): string => bench.images[0].split('@')[0] ?? '';
  /** Looks whether an image of the bench is deployed. */
  const resolve = async (
    tag: '1' | '2',
    inputs: Readonly<Record<string, string>> = {},
    kubeconfig = bench.kubeconfig,
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task: 'ResolveLatestImage',
      inputs: {
        ...{ repository: repository(), newestBy: 'tag', tag },
        ...{ kubernetesConnection: 'cluster', namespace: bench.namespace, workload: 'app', ...inputs },
      },
      connections: [kubeconfigConnection(kubeconfig)],
    });
  const changedBy = ({ result, outputs, log }: TaskProcessResult): string | undefined => {
    assert.equal(result, 'Succeeded', log);
    return outputs.changed;
  };

  it('tells by the workload whether there is anything to roll out', async function () {
    this.timeout('180s');
    assert.equal(changedBy(await resolve('1')), 'true', 'there is no such workload yet');
    const byDigest = await bench.rollOut(MANIFEST, { images: `app=${bench.images[0]}` });
    assert.equal(byDigest.result, 'Succeeded', byDigest.log);
    assert.equal(changedBy(await resolve('1')), 'false');
    assert.equal(changedBy(await resolve('2')), 'true');
    assert.equal(changedBy(await resolve('1', { workload: 'deployment/app', containerName: 'web' })), 'false');

    // Named by tag, only its pods know what it is.
    const byTag = await bench.rollOut(MANIFEST, { images: `app=${repository()}:2` });
    assert.equal(byTag.result, 'Succeeded', byTag.log);
    assert.equal(changedBy(await resolve('2')), 'false');
    assert.equal(changedBy(await resolve('1')), 'true');

    const wrong = await resolve('1', { containerName: 'wep' });
    assert.match(wrong.issues[0]?.message ?? '', /^WORKLOAD_CONTAINER_MISSING: .*It has: web/);
    const none = await resolve('1', { workload: 'job/app' });
    assert.match(none.issues[0]?.message ?? '', /^WORKLOAD_INVALID/);

    const rules = [
      { apiGroups: ['apps'], resources: ['deployments'], verbs: ['get'] },
      { apiGroups: [''], resources: ['pods'], verbs: ['list'] },
    ];
    assert.equal(changedBy(await resolve('2', {}, await bench.kubeconfigOf('reader', rules))), 'false');
    const forbidden = await resolve('2', {}, await bench.kubeconfigOf('nobody', []));
    assert.match(forbidden.issues[0]?.message ?? '', /^CLUSTER_FORBIDDEN: .*get deployments\.apps/);
  });
});
