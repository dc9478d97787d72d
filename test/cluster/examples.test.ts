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
  this.timeout('180s');
  let bench: RolloutBench;
  let tutorial: ExamplePipelines;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    tutorial = await ExamplePipelines.open('tutorial', bench.namespace);
    await publish('--samples', '600');
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

  it('a pull request is built and tested, and pushes nothing', async () => {
    const { outputs } = succeeded(await tutorial.run('azure-pipelines.pull-request.yml'));
    assert.match(outputs['bundle.image'] ?? '', /:pull-request-\d+$/);
    assert.deepEqual(await tutorial.tags(), []);
  });

  it('a commit becomes the latest image, of this commit and the model that lies in the container', async () => {
    const { outputs, buildId } = succeeded(await tutorial.run('azure-pipelines.yml'));
    assert.match(outputs['model.modelDigest'] ?? '', /^sha256:/);
    for (const tag of [buildId, 'latest']) assert.equal(await tutorial.digestOf(tag), outputs['bundle.imageDigest']);
  });

  it('an hourly look for a new model does nothing while there is none, and makes a new latest image of one', async () => {
    const before = await tutorial.digestOf('latest');
    const same = succeeded(await tutorial.run('azure-pipelines.model.yml'));
    assert.equal(same.outputs['model.modelChanged'], 'false');
    assert.equal(await tutorial.digestOf('latest'), before);
    await publish();
    const { outputs } = succeeded(await tutorial.run('azure-pipelines.model.yml'));
    assert.equal(outputs['model.modelChanged'], 'true');
    assert.notEqual(outputs['bundle.imageDigest'], before);
    assert.equal(await tutorial.digestOf('latest'), outputs['bundle.imageDigest']);
  });

  it('the nightly release serves it: every picture gets its label from the load balancer', async () => {
    const { outputs } = succeeded(await tutorial.run('azure-pipelines.release.yml'));
    assert.equal(outputs['rollout.result'], 'deployed');
    for (const file of globSync('tests/integration/images/*.png', { cwd: tutorial.folder })) {
      const picture = readFileSync(join(tutorial.folder, file), 'base64');
      assert.equal(await labelOf(outputs['rollout.addresses'] ?? '', picture), basename(file, '.png'));
    }
  });

  it('the next night there is nothing to do', async () => {
    const { steps, outputs } = succeeded(await tutorial.run('azure-pipelines.release.yml'));
    assert.equal(outputs['latest.changed'], 'false');
    assert.equal(steps.find(({ name }) => name === 'rollout')?.result, 'Skipped');
  });
});

describe('the pipelines of examples/digits', function () {
  this.timeout('180s');
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

  it('a model is trained, measured and published', async () => {
    const { outputs } = succeeded(await digits.run('publish-model.yml', { samples: '600' }));
    assert.equal(outputs['publish.modelVersion'], '1');
    assert.ok(Number(outputs['train.accuracy']) > 0.8);
  });

  it('a pull request is built straight from the store and tested, and pushes nothing', async () => {
    const { outputs } = succeeded(await digits.run('azure-pipelines.pull-request.yml'));
    assert.equal(outputs['bundle.modelVersion'], '1');
    assert.deepEqual(await digits.tags(), []);
  });

  it('a commit becomes the latest image', async () => {
    const { outputs } = succeeded(await digits.run('azure-pipelines.yml'));
    assert.equal(outputs['bundle.modelVersion'], '1');
    assert.equal(await digits.digestOf('latest'), outputs['bundle.imageDigest']);
  });
});
