import assert from 'node:assert/strict';
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { RegistryClient } from '../../lib/oci/registry-client.ts';
import { Repository } from '../../lib/oci/repository.ts';
import { RolloutBench } from '../support/rollout-bench.ts';
import { type LoggedRun, Tutorial } from '../support/tutorial.ts';

const NEVER = new AbortController().signal;

describe('the pipelines of examples/tutorial', function () {
  this.timeout('180s');
  const dispatcher = createDispatcher();
  let bench: RolloutBench;
  let tutorial: Tutorial;

  before(async function () {
    this.timeout('30m');
    bench = await RolloutBench.open();
    tutorial = await Tutorial.open(bench.namespace);
    await tutorial.publish('--samples', '600');
  });
  after(async () => {
    await tutorial.close();
    await bench.close();
    await dispatcher.destroy();
  });

  const registry = (): Repository => {
    const client = new RegistryClient({ registry: tutorial.registry, dispatcher });
    return new Repository(client, { registry: tutorial.registry, repository: tutorial.repository }, 'pull');
  };
  const succeeded = (run: LoggedRun): LoggedRun => {
    assert.equal(run.result, 'Succeeded', run.log);
    return run;
  };
  const labelOf = async (address: string, picture: string): Promise<string> => {
    const answer = await fetch(`${address}/score`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ input: `["${picture}"]` }),
      signal: AbortSignal.timeout(10_000),
    });
    const { result } = (await answer.json()) as { readonly result: readonly [[[[string, number]]], string] };
    return result[0][0][0][0];
  };

  it('a pull request is built and tested, and pushes nothing', async () => {
    const { outputs } = succeeded(await tutorial.run('azure-pipelines.pull-request.yml'));
    assert.match(outputs['bundle.image'] ?? '', /:pull-request-\d+$/);
    assert.deepEqual(await registry().tags(NEVER), []);
  });

  it('a commit becomes the latest image, of this commit and the model that lies in the container', async () => {
    const { outputs, buildId } = succeeded(await tutorial.run('azure-pipelines.yml'));
    assert.match(outputs['model.modelDigest'] ?? '', /^sha256:/);
    for (const tag of [buildId, 'latest']) {
      assert.equal(await registry().digestOfTag(tag, NEVER), outputs['bundle.imageDigest'], tag);
    }
  });

  it('an hourly look for a new model does nothing while there is none, and makes a new latest image of a new one', async () => {
    const before = await registry().digestOfTag('latest', NEVER);
    const same = succeeded(await tutorial.run('azure-pipelines.model.yml'));
    assert.equal(same.outputs['model.modelChanged'], 'false');
    assert.equal(await registry().digestOfTag('latest', NEVER), before);
    await tutorial.publish();
    const { outputs } = succeeded(await tutorial.run('azure-pipelines.model.yml'));
    assert.equal(outputs['model.modelChanged'], 'true');
    const after = await registry().digestOfTag('latest', NEVER);
    assert.equal(after, outputs['bundle.imageDigest']);
    assert.notEqual(after, before);
  });

  it('the nightly release serves it: every picture gets its label from the load balancer', async () => {
    const { outputs } = succeeded(await tutorial.run('azure-pipelines.release.yml'));
    assert.equal(outputs['rollout.result'], 'deployed');
    const address = outputs['rollout.addresses'] ?? '';
    for (const [label, picture] of tutorial.pictures()) assert.equal(await labelOf(address, picture), label);
  });

  it('the next night there is nothing to do', async () => {
    const { steps, outputs } = succeeded(await tutorial.run('azure-pipelines.release.yml'));
    assert.equal(outputs['latest.changed'], 'false');
    assert.equal(steps.find(({ name }) => name === 'rollout')?.result, 'Skipped');
  });
});
