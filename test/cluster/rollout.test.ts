import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import type { TaskProcessResult } from '../support/packed-task.ts';
import { failureOf, KINDS, RolloutBench } from '../support/rollout-bench.ts';
import { APP, BALANCER, SERVE, SETTINGS, web } from '../support/web-app.ts';

/** What answers at the address that a run gave out. */
async function answerOf({ outputs }: TaskProcessResult): Promise<string> {
  const answer = await fetch(outputs.addresses ?? '', { signal: AbortSignal.timeout(2_000) });
  return answer.text();
}

/** The node's network rules follow the cluster's objects after a moment, so an answer may be late, but not for long. */
async function becomes(wanted: string, ask: () => Promise<string>): Promise<void> {
  const until = Date.now() + 30_000;
  for (;;) {
    const answer = await ask().catch((error: unknown) => String(error));
    if (answer === wanted) return;
    if (Date.now() > until) assert.equal(answer, wanted);
    await sleep(100);
  }
}

describe('a rollout over a version that runs', () => {
  let bench: RolloutBench;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
  });

  beforeEach(() => bench.begin(APP));

  after(() => bench.close());

  it('changes nothing the second time', async () => {
    const before = await bench.get(KINDS.deployment, 'web');
    const run = await bench.rollOut(APP);
    assert.equal(run.outputs.result, 'unchanged', run.log);
    assert.equal((await bench.get(KINDS.deployment, 'web'))?.metadata.generation, before?.metadata.generation);
  });

  it('puts a new image into the manifests', async () => {
    const run = await bench.rollOut(APP, { images: `app=${bench.images[1]}` });
    assert.equal(run.outputs.result, 'deployed', run.log);
    assert.equal(run.outputs.imageDigests, bench.images[1]);
    assert.equal(run.outputs.previousImage, bench.images[0]);
    assert.equal(run.outputs.application, 'web');
    assert.match(run.outputs.revision ?? '', /^\d+$/);
    await becomes('version 2\n', () => answerOf(run));
  });

  it('warns of an image that no container uses', async () => {
    const images = `app=${bench.images[0]}\nshop.io/other:1`;
    const run = await bench.rollOut(APP, { images });
    assert.ok(run.issues.some(({ type, message }) => type === 'warning' && message.includes('shop.io/other:1')));
  });

  it('of an image that is not there fails at once, and all is as it was', async () => {
    const before = await bench.state();
    const missing = (bench.images[0].split('@')[0] ?? '') + ':missing';
    const started = Date.now();
    const run = await bench.rollOut(web() + SETTINGS.replace('hello', 'changed') + BALANCER, {
      images: `app=${missing}`,
    });
    const message = failureOf(run, 'IMAGE_PULL_FAILED', 'restored');
    assert.match(message, /:missing of container app.*put back and is healthy/);
    assert.ok(Date.now() - started < 30_000);
    assert.deepEqual(await bench.state(), before);
    // Whoever owned the fields owns them again, so that the next rollout meets no conflict.
    const next = await bench.rollOut(APP);
    assert.equal(next.outputs.result, 'unchanged', next.log);
  });

  it('over a version that is broken too goes back to it, says so, and tries no further', async () => {
    const broken = web({ command: 'exit 1' });
    const kept = await bench.rollOut(broken, { inputs: { onFailure: 'keep' } });
    failureOf(kept, 'CONTAINER_CRASHED', 'kept');
    const run = await bench.rollOut(web({ command: 'exit 2' }));
    const message = failureOf(run, 'ROLLOUT_RESTORED_UNHEALTHY', 'restoredUnhealthy');
    assert.match(message, /exit code 2.*was put back, but is not healthy: .*exit code 1/);
    assert.equal(run.log.match(/Putting back/g)?.length, 1);
  });

  it('that is cancelled puts everything back within seconds', async () => {
    const before = await bench.state();
    const cancel = new AbortController();
    let cancelled = 0;
    const run = await bench.rollOut(web({ command: 'sleep 1000' }) + SETTINGS.replace('hello', 'changed') + BALANCER, {
      signal: cancel.signal,
      onLine: (line) => {
        if (!line.includes('1/2 updated') || cancelled > 0) return;
        cancelled = Date.now();
        cancel.abort();
      },
    });
    assert.ok(Date.now() - cancelled < 10_000, run.log);
    assert.equal(run.result, 'Canceled', run.log);
    assert.equal(run.outputs.result, 'restored', run.log);
    assert.deepEqual(await bench.state(), before);
  });

  it('that would overwrite what others own names field and owner, and changes nothing', async () => {
    await bench.changeAs('autoscaler', KINDS.deployment, 'web', { replicas: 3 });
    const before = await bench.state();
    const run = await bench.rollOut(web() + SETTINGS.replace('hello', 'changed') + BALANCER);
    assert.match(failureOf(run, 'APPLY_CONFLICT', 'refused'), /\.spec\.replicas \(owned by autoscaler\)/);
    assert.deepEqual(await bench.state(), before);
  });

  it('that takes over what others own gives it back when it fails', async () => {
    await bench.changeAs('autoscaler', KINDS.deployment, 'web', { replicas: 3 });
    const before = await bench.state();
    const forceConflicts = { forceConflicts: 'true' };
    const failed = await bench.rollOut(web({ command: 'exit 1' }), { inputs: forceConflicts });
    failureOf(failed, 'CONTAINER_CRASHED', 'restored');
    assert.deepEqual(await bench.state(), before);
    const forced = await bench.rollOut(APP, { inputs: forceConflicts });
    assert.equal(forced.outputs.result, 'deployed', forced.log);
  });

  it('whose field may not change is refused, and nothing is changed', async () => {
    const before = await bench.state();
    const other = web().replaceAll('{app: web}', '{app: web, tier: front}');
    const run = await bench.rollOut(other + SETTINGS.replace('hello', 'changed'));
    assert.match(failureOf(run, 'APPLY_REFUSED', 'refused'), /selector/);
    assert.deepEqual(await bench.state(), before);
  });

  it('keeps the replicas that an autoscaler has set, also when it puts back', async () => {
    const manifest = web().replace('  replicas: 2\n', '');
    const first = await bench.rollOut(manifest + SETTINGS + BALANCER);
    assert.equal(first.outputs.result, 'unchanged', first.log);
    await bench.changeAs('autoscaler', KINDS.deployment, 'web', { replicas: 3 });
    const run = await bench.rollOut(manifest.replace(SERVE, 'exit 1'));
    failureOf(run, 'CONTAINER_CRASHED', 'restored');
    const live = await bench.get(KINDS.deployment, 'web');
    assert.equal((live?.spec as { replicas: number }).replicas, 3);
  });
});

describe('a rollout of things that were not there', () => {
  let bench: RolloutBench;

  // A namespace of its own is empty at once; to clear one takes as long as its pods take to end.
  beforeEach(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
  });

  afterEach(() => bench.close());

  it('is green when the new pods serve, and tells where and which', async () => {
    const run = await bench.rollOut(APP);
    assert.equal(run.result, 'Succeeded', run.log);
    assert.equal(run.outputs.result, 'deployed');
    assert.equal(run.outputs.imageDigests, bench.images[0]);
    assert.match(run.outputs.addresses ?? '', /^http:\/\/[\d.]+$/);
    await becomes('version 1\n', () => answerOf(run));
    assert.match(run.summary ?? '', /✅ Deployed[\s\S]*Deployment\/web/);
  });

  it('leaves nothing behind when it fails', async () => {
    const before = await bench.state();
    const run = await bench.rollOut(web({ command: 'exit 1' }) + SETTINGS + BALANCER, {
      inputs: { applicationName: 'first' },
    });
    assert.match(failureOf(run, 'CONTAINER_CRASHED', 'removed'), /What this run had created was removed/);
    assert.deepEqual(await bench.state(), before);
    for (const kind of [KINDS.secret, KINDS.lease])
      assert.equal(await bench.get(kind, 'model-delivery.first'), undefined);
  });

  it('brings a kind, an object of it and a Job in the right order', async () => {
    const group = `${bench.namespace}.example.com`;
    const run = await bench.rollOut(`apiVersion: ${group}/v1
kind: Toy
metadata: {name: ball}
spec: {colour: red}
---
apiVersion: apiextensions.k8s.io/v1
kind: CustomResourceDefinition
metadata: {name: toys.${group}}
spec:
  group: ${group}
  scope: Namespaced
  names: {kind: Toy, plural: toys, singular: toy}
  versions:
    - {name: v1, served: true, storage: true, schema: {openAPIV3Schema: {type: object, x-kubernetes-preserve-unknown-fields: true}}}
---
apiVersion: batch/v1
kind: Job
metadata: {name: work}
spec:
  template:
    spec: {restartPolicy: Never, containers: [{name: app, image: app, command: ['true']}]}
`);
    await bench.remove(KINDS.definition, `toys.${group}`);
    assert.equal(run.outputs.result, 'deployed', run.log);
    assert.match(run.log, /✓ Job\/work: complete/);
  });

  it('brings a StatefulSet back from a version whose first pod never starts', async () => {
    const set = (command: string): string =>
      web({ command, replicas: 1 })
        .replace('kind: Deployment', 'kind: StatefulSet')
        .replace('spec:\n', 'spec:\n  serviceName: web\n');
    const first = await bench.rollOut(set(SERVE));
    assert.equal(first.outputs.result, 'deployed', first.log);
    const before = await bench.state();
    failureOf(await bench.rollOut(set('exit 1')), 'CONTAINER_CRASHED', 'restored');
    assert.deepEqual(await bench.state(), before);
  });

  it('in a namespace of their own brings that first, and removes it again on failure', async () => {
    const name = `${bench.namespace}-own`;
    const manifest = (command: string): string =>
      `apiVersion: v1\nkind: Namespace\nmetadata: {name: ${name}}\n---\n${web({ command, replicas: 1 })}`;
    const failed = await bench.rollOut(manifest('exit 1'), { inputs: { namespace: name } });
    failureOf(failed, 'CONTAINER_CRASHED', 'removed');
    assert.equal(await bench.get(KINDS.namespace, name), undefined, failed.log);
    const run = await bench.rollOut(manifest(SERVE), { inputs: { namespace: name } });
    assert.equal(run.outputs.result, 'deployed', run.log);
    await bench.remove(KINDS.namespace, name);
  });
});

describe('a rollout that cannot begin', () => {
  let bench: RolloutBench;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
  });

  after(() => bench.close());

  it('because the namespace is not there says so before anything is written', async () => {
    const run = await bench.rollOut(SETTINGS, { inputs: { namespace: 'no-such-place' } });
    assert.match(failureOf(run, 'NAMESPACE_NOT_FOUND', 'refused'), /"no-such-place"/);
  });

  it('because a kind is not known names file, line and the version to use', async () => {
    const old = 'apiVersion: apps/v1beta1\nkind: Deployment\nmetadata: {name: web}\n';
    const run = await bench.rollOut(SETTINGS + `---\n${old}`);
    assert.match(
      failureOf(run, 'KIND_UNKNOWN', 'refused'),
      /app\.yml:7: .*Deployment in apps\/v1beta1.*Use kind Deployment in apps\/v1\./,
    );
    assert.equal(await bench.get(KINDS.configMap, 'settings'), undefined);
  });

  it('because a manifest is for another namespace says so', async () => {
    const run = await bench.rollOut(SETTINGS.replace('{name: settings}', '{name: settings, namespace: other}'));
    failureOf(run, 'NAMESPACE_MISMATCH', 'refused');
  });

  it('because one of many is invalid writes none of them', async () => {
    const run = await bench.rollOut(SETTINGS + '---\n' + web().replace('containerPort: 8080', 'containerPort: 99999'));
    assert.match(failureOf(run, 'APPLY_REFUSED', 'refused'), /containerPort/);
    assert.equal(await bench.get(KINDS.configMap, 'settings'), undefined);
  });

  it('because the Deployment is paused or scaled to zero says so', async () => {
    const run = await bench.rollOut(web().replace('spec:\n', 'spec:\n  paused: true\n'));
    failureOf(run, 'WORKLOAD_PAUSED', 'refused');
  });

  it('because the token is wrong, the certificate is not trusted, or nobody answers: each told apart', async () => {
    const { kubeconfig } = bench;
    const wrongToken = kubeconfig.replace(/token: .*/, 'token: wrong');
    failureOf(await bench.rollOut(SETTINGS, { kubeconfig: wrongToken }), 'CLUSTER_UNAUTHORIZED', 'refused');
    const noAuthority = kubeconfig.replace(/ *certificate-authority-data: .*\n/, '');
    failureOf(await bench.rollOut(SETTINGS, { kubeconfig: noAuthority }), 'CERTIFICATE_UNTRUSTED', 'refused');
    const nobody = kubeconfig.replace(/server: .*/, 'server: https://127.0.0.1:9');
    failureOf(await bench.rollOut(SETTINGS, { kubeconfig: nobody }), 'CLUSTER_UNREACHABLE', 'refused');
  });

  it('because of missing rights names verb, resource and namespace; the documented Role is enough', async () => {
    const kubeconfig = await bench.kubeconfigOf('deployer', []);
    const refused = failureOf(await bench.rollOut(SETTINGS, { kubeconfig }), 'CLUSTER_FORBIDDEN', 'refused');
    assert.match(
      refused,
      new RegExp(
        `may not get, create, .* leases\\.coordination\\.k8s\\.io; .* secrets in namespace ${bench.namespace}\\.`,
      ),
    );
    const documented = await bench.kubeconfigOf('releaser', await bench.documentedRules());
    const run = await bench.rollOut(APP, { kubeconfig: documented });
    assert.equal(run.outputs.result, 'deployed', run.log);
    const crashed = await bench.rollOut(web({ command: 'echo gone wrong; exit 1' }), { kubeconfig: documented });
    failureOf(crashed, 'CONTAINER_CRASHED', 'restored');
    assert.match(crashed.log, /\| gone wrong/);
  });
});
