import assert from 'node:assert/strict';
import { randomUUID } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { runPipeline, type PipelineResult } from '../../tools/agent/pipeline.ts';
import type { Connection } from '../../tools/agent/endpoint-environment.ts';
import { ensureServices } from '../../tools/services/services.ts';
import { type BlobContainer, freshContainer } from '../support/blob-container.ts';
import { runTaskProcess } from '../support/packed-task.ts';
import { kubeconfigConnection, KINDS, RolloutBench } from '../support/rollout-bench.ts';

const ROOT = join(import.meta.dirname, '..', '..');
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
          ports: [{containerPort: 8080}]
          readinessProbe: {httpGet: {path: /version, port: 8080}, periodSeconds: 1}
---
apiVersion: v1
kind: Service
metadata: {name: app}
spec: {type: LoadBalancer, selector: {app: app}, ports: [{port: 80, targetPort: 8080}]}
`;

describe('the templates', function () {
  this.timeout('240s');
  let bench: RolloutBench;
  let container: BlobContainer;
  let connections: readonly Connection[];
  let host = '';
  let engine = '';
  let folder = '';
  const runs: string[] = [];
  before(async function () {
    this.timeout('15m');
    bench = await RolloutBench.open();
    const services = await ensureServices(['registry', 'docker']);
    ({ host } = services.registry);
    engine = services.docker.host;
    container = await freshContainer();
    folder = mkdtempSync(join(tmpdir(), 'templates-'));
    mkdirSync(join(folder, 'app'));
    writeFileSync(join(folder, 'app', 'run.sh'), '#!/bin/sh\nexec httpd -f -p 8080 -h /model\n', { mode: 0o755 });
    mkdirSync(join(folder, 'manifests'));
    writeFileSync(join(folder, 'manifests', 'app.yml'), MANIFEST);
    const parameters = { registry: `http://${host}`, username: 'test', password: 'test-password' };
    connections = [
      {
        name: 'registry',
        type: 'dockerregistry',
        url: `http://${host}`,
        authorization: { scheme: 'UsernamePassword', parameters },
      },
      kubeconfigConnection(bench.kubeconfig),
    ];
  });
  after(async () => {
    for (const path of [folder, ...runs]) rmSync(path, { recursive: true, force: true });
    await container.client.delete();
    await bench.close();
  });

  /** Runs a pipeline that extends a template, as it lies in a repository of its own. */
  const run = async (template: string, parameters: string): Promise<PipelineResult & { readonly log: string }> => {
    const file = join(folder, `${template}.yml`);
    writeFileSync(file, `extends:\n  template: templates/${template}.yml@model-delivery\n  parameters:\n${parameters}`);
    const lines: string[] = [];
    const result = await runPipeline({
      file,
      connections,
      source: folder,
      repositories: { 'model-delivery': ROOT },
      secrets: { storage: container.service.connectionString },
      variables: { DOCKER_HOST: engine },
      onLine: (line) => lines.push(line),
    });
    runs.push(result.runFolder);
    return { ...result, log: lines.join('\n') };
  };
  const succeeded = (result: PipelineResult & { readonly log: string }): typeof result => {
    assert.equal(result.result, 'Succeeded', result.log);
    return result;
  };
  const publish = async (version: string): Promise<void> => {
    const model = mkdtempSync(join(folder, 'model-'));
    writeFileSync(join(model, 'version'), `model ${version}\n`);
    const { result, log } = await runTaskProcess({
      task: 'PublishModel',
      inputs: {
        storageAuth: 'connectionString',
        connectionString: container.service.connectionString,
        container: container.name,
        model: 'digits',
        version,
        source: model,
      },
    });
    assert.equal(result, 'Succeeded', log);
  };
  const store = (): string =>
    `{ storageAuth: connectionString, connectionString: $(storage), container: ${container.name}, model: digits }`;
  const image = (repository: string): string => `
    unitTests:
      - script: echo unit tests && test -x app/run.sh
    registry: { registryConnection: registry }
    image:
      repository: ${repository}
      baseImage: ${bench.images[0]}
      appFolder: app
      entrypoint: /app/run.sh
      ports: '8080'
    imageTests:
      healthPath: /version
      checks: /version contains model
`;
  const tagsOf = async (repository: string): Promise<readonly string[]> => {
    const answer = await fetch(`http://${host}/v2/${repository}/tags/list`);
    const { tags = [] } = (await answer.json()) as { readonly tags?: readonly string[] };
    return tags.filter((tag) => !tag.startsWith('sha256-')).sort();
  };

  it('carry a commit, a new model and a nightly release, and skip what is done already', async () => {
    const repository = `templates/${randomUUID()}/app`;
    const nightly = (): Promise<PipelineResult & { readonly log: string }> =>
      run(
        'nightly-release',
        `
    newest: { registryConnection: registry, repository: ${repository}, requireProvenance: true }
    cluster: { kubernetesConnection: cluster }
    namespace: ${bench.namespace}
    workload: deployment/app
    manifests: manifests/*.yml
    manifestImage: app
    serviceTests: { healthPath: /version contains model $(modelVersion) }
`,
      );
    const modelRelease = (): Promise<PipelineResult & { readonly log: string }> =>
      run('model-release', `${image(repository)}    store: ${store()}\n    newest: { repository: ${repository} }\n`);
    const skipped = ({ log }: { readonly log: string }, job: string): void =>
      assert.match(log, new RegExp(`${job}.*does not hold`), log);

    await publish('1');
    const commit = succeeded(await run('commit', `${image(repository)}    model: ${store()}\n`));
    assert.match(commit.log, /unit tests$/m);
    assert.deepEqual(await tagsOf(repository), [commit.buildId, 'latest'].sort());
    skipped(succeeded(await modelRelease()), 'Build and test an image');
    succeeded(await nightly());
    skipped(succeeded(await nightly()), 'Roll it out');

    await publish('2');
    const renewed = succeeded(await modelRelease());
    assert.equal(renewed.outputs['bundle.modelVersion'], '2');
    succeeded(await nightly());
    assert.equal(await deployedImage(), renewed.outputs['bundle.image']);
  });

  it('let a canary be promoted', async () => {
    const repository = `templates/${randomUUID()}/app`;
    const staged = (): Promise<PipelineResult & { readonly log: string }> =>
      run(
        'staged-release',
        `
    newest: { registryConnection: registry, repository: ${repository} }
    cluster: { kubernetesConnection: cluster }
    namespace: ${bench.namespace}
    workload: app
    application: app
    manifests: manifests/*.yml
    manifestImage: app
    canary: { steps: '50', stepMinutes: '0' }
`,
      );
    await publish(randomUUID());
    const first = succeeded(await run('commit', `${image(repository)}    model: ${store()}\n`));
    succeeded(await staged());
    assert.equal(await deployedImage(), first.outputs['bundle.image']);
    await publish(randomUUID());
    const second = succeeded(await run('commit', `${image(repository)}    model: ${store()}\n`));
    const { log, steps } = succeeded(await staged());
    const rollouts = steps
      .filter(({ name }) => name === 'rollout')
      .map(({ stage, outputs }) => [stage, outputs.result]);
    assert.deepEqual(rollouts, [
      ['Canary', 'waiting'],
      ['Promote', 'deployed'],
    ]);
    assert.match(log, /Take it away again.*does not hold/);
    assert.equal(await deployedImage(), second.outputs['bundle.image']);
  });
  const deployedImage = async (): Promise<string | undefined> => {
    const { spec } = (await bench.get(KINDS.deployment, 'app')) as unknown as {
      readonly spec: { readonly template: { readonly spec: { readonly containers: readonly { image: string }[] } } };
    };
    return spec.template.spec.containers[0]?.image;
  };

  it('try a pull request, and push nothing', async () => {
    const repository = `templates/${randomUUID()}/app`;
    await publish(randomUUID());
    const { log } = succeeded(await run('pull-request', `${image(repository)}    model: ${store()}\n`));
    assert.match(log, /unit tests$/m);
    assert.deepEqual(await tagsOf(repository), []);
  });

  it('make no image where unit tests fail', async () => {
    const repository = `templates/${randomUUID()}/app`;
    const failing = image(repository).replace('echo unit tests &&', 'false &&');
    const { result } = await run('commit', `${failing}    model: ${store()}\n`);
    assert.equal(result, 'Failed');
    assert.deepEqual(await tagsOf(repository), []);
  });
});
