import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { basename, join } from 'node:path';
import { ExamplePipelines, type LoggedRun } from '../support/example-pipelines.ts';
import { RolloutBench } from '../support/rollout-bench.ts';

function succeeded(run: LoggedRun): LoggedRun {
  assert.equal(run.result, 'Succeeded', run.log);
  return run;
}

describe('the pipelines of examples/tutorial', function () {
  this.timeout('10m');
  let bench: RolloutBench;
  let tutorial: ExamplePipelines;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    tutorial = await ExamplePipelines.open('tutorial', bench.namespace);
  });
  after(async () => {
    await tutorial.close();
    await bench.close();
  });

  /** The data scientist's part: trains a model and uploads its two files. */
  async function publish(...options: readonly string[]): Promise<void> {
    const folder = await mkdtemp(join(tmpdir(), 'tutorial-model-'));
    try {
      await tutorial.script('train.py', '--output', folder, ...options);
      for (const file of ['digits.npz', 'synset.txt']) {
        await tutorial.container.getBlockBlobClient(file).uploadFile(join(folder, file));
      }
    } finally {
      await rm(folder, { recursive: true, force: true });
    }
  }

  /** What a service sees in a picture, asked as the tutorial's own client does. */
  async function labelOf(address: string, picture: string): Promise<string> {
    const answer = await fetch(`${address}/score`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input: `["${picture}"]` }),
      signal: AbortSignal.timeout(10_000),
    });
    const { result } = (await answer.json()) as { readonly result: readonly [[[[string, number]]], string] };
    return result[0][0][0][0];
  }

  it('build and test a pull request, and push nothing', async () => {
    await publish('--samples', '1000');
    const { outputs } = succeeded(await tutorial.run('azure-pipelines.pull-request.yml'));
    assert.match(outputs['bundle.image'] ?? '', /:pull-request-\d+$/);
    assert.equal(outputs['test.failed'], '0');
    assert.deepEqual(await tutorial.tags(), []);
  });

  it('never let an image be the latest whose model gets a picture wrong', async () => {
    await publish('--samples', '600');
    const { result, log, buildId, outputs } = await tutorial.run('azure-pipelines.yml');
    assert.equal(result, 'Failed');
    assert.match(log, /SERVICE_CHECKS_FAILED: 1 of \d+ checks .*a picture of eight/);
    assert.equal(await tutorial.digestOf(buildId), outputs['bundle.imageDigest']);
    assert.notEqual(await tutorial.digestOf('latest'), outputs['bundle.imageDigest']);
  });

  it('bring a commit, and later a better model, to the load balancer; each night only what is new', async () => {
    await publish('--samples', '1000');
    const commit = succeeded(await tutorial.run('azure-pipelines.yml'));
    assert.equal(await tutorial.digestOf('latest'), commit.outputs['bundle.imageDigest']);

    const noModel = succeeded(await tutorial.run('azure-pipelines.model.yml'));
    assert.equal(noModel.outputs['model.modelChanged'], 'false');
    assert.equal(await tutorial.digestOf('latest'), commit.outputs['bundle.imageDigest']);

    await publish();
    const newModel = succeeded(await tutorial.run('azure-pipelines.model.yml'));
    assert.equal(newModel.outputs['model.modelChanged'], 'true');
    assert.equal(await tutorial.digestOf('latest'), newModel.outputs['bundle.imageDigest']);

    const night = succeeded(await tutorial.run('azure-pipelines.release.yml'));
    assert.equal(night.outputs['rollout.result'], 'deployed');
    assert.equal(night.outputs['test.failed'], '0');
    for (const file of globSync('tests/integration/images/*.png', { cwd: tutorial.folder })) {
      const picture = readFileSync(join(tutorial.folder, file), 'base64');
      assert.equal(await labelOf(night.outputs['rollout.addresses'] ?? '', picture), basename(file, '.png'));
    }

    const nextNight = succeeded(await tutorial.run('azure-pipelines.release.yml'));
    assert.equal(nextNight.outputs['latest.changed'], 'false');
    assert.equal(nextNight.steps.find(({ name }) => name === 'rollout')?.result, 'Skipped');
  });
});

describe('the pipelines of examples/digits', function () {
  this.timeout('10m');
  let bench: RolloutBench;
  let digits: ExamplePipelines;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    digits = await ExamplePipelines.open('digits', bench.namespace);
  });
  after(async () => {
    await digits.close();
    await bench.close();
  });

  it('publish a model, try it in a pull request, let it be the latest with a commit, release that, and then a better one by a canary', async () => {
    const training = succeeded(
      await digits.run('publish-model.yml', { parameters: { version: '1', samples: '600', hidden: '64' } }),
    );
    assert.ok(Number(training.outputs['train.accuracy']) > 0.8);

    const pullRequest = succeeded(await digits.run('azure-pipelines.pull-request.yml'));
    assert.equal(pullRequest.outputs['bundle.modelVersion'], '1');
    assert.deepEqual(await digits.tags(), []);

    const commit = succeeded(await digits.run('azure-pipelines.yml'));
    assert.equal(commit.outputs['bundle.modelVersion'], '1');
    assert.equal(await digits.digestOf('latest'), commit.outputs['bundle.imageDigest']);

    const night = succeeded(await digits.run('azure-pipelines.release.yml'));
    assert.equal(night.outputs['rollout.result'], 'deployed');
    assert.equal(night.outputs['test.failed'], '0');

    // A better model, first for some: what the approval of an environment would hold up goes on at once here.
    succeeded(await digits.run('publish-model.yml', { parameters: { version: 'major' } }));
    const better = succeeded(await digits.run('azure-pipelines.yml'));
    const staged = succeeded(await digits.run('azure-pipelines.staged.yml', { variables: { stepMinutes: '0' } }));
    const rollouts = staged.steps.filter(({ name }) => name === 'rollout');
    assert.deepEqual(
      rollouts.map(({ stage, outputs }) => [stage, outputs.result]),
      [
        ['Canary', 'waiting'],
        ['Promote', 'deployed'],
      ],
    );
    assert.match(rollouts[1]?.outputs.imageDigests ?? '', new RegExp(better.outputs['bundle.imageDigest'] ?? 'none'));
  });
});
