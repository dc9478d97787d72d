import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AzureRegistry } from '../../../tools/services/azure/registry-front.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { TestAzure } from '../../support/azure.ts';
import { pushSimpleBase } from '../../support/base-images.ts';
import { type NodeVersion, runTaskProcess, succeeded, type TaskProcessResult } from '../../support/packed-task.ts';

type Values = Readonly<Record<string, string>>;
const BASE = 'resolve-azure/base';

describe('ResolveLatestImage in Azure Container Registry', function () {
  this.timeout('120s');
  let azure: TestAzure;
  let registry: AzureRegistry;
  let base = '';
  let folder = '';
  let repository = '';
  before(async () => {
    azure = await TestAzure.start();
    registry = await azure.standIn.startRegistry();
    const { host } = (await ensureServices(['registry'])).registry;
    base = await pushSimpleBase(host, BASE);
    folder = mkdtempSync(join(tmpdir(), 'resolve-azure-'));
    mkdirSync(join(folder, 'model'));
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await azure.standIn.stop();
  });
  beforeEach(() => {
    azure.reset();
    const { circumstances } = registry;
    circumstances.tagsAPage = undefined;
    circumstances.registry = { ...circumstances.registry, roleAssignmentMode: 'rbac' };
    repository = `team/app-${randomBytes(4).toString('hex')}`;
  });
  afterEach(() => assert.deepEqual(azure.standIn.unknownCalls, []));

  const run = async (
    task: string,
    inputs: Values,
    { node = '24', epoch = '1764000000' }: { readonly node?: NodeVersion; readonly epoch?: string } = {},
  ): Promise<TaskProcessResult> =>
    runTaskProcess({
      task,
      node,
      inputs: { repository, registrySubscription: 'models', registry: registry.host, ...inputs },
      connections: [azure.connection('federated'), azure.runConnection()],
      variables: {
        ...azure.environment,
        NODE_EXTRA_CA_CERTS: azure.standIn.caFile,
        DOCKER_CONFIG: join(folder, 'none'),
        SOURCE_DATE_EPOCH: epoch,
      },
    });
  /** Pushes an image of some content; by which time it is of, its push says nothing. */
  const push = async (tags: string, epoch: string, content: string): Promise<string> => {
    writeFileSync(join(folder, 'model', 'weights.bin'), content);
    const inputs = { tags, baseImage: base, modelFolder: join(folder, 'model'), sbom: 'false', provenance: 'false' };
    return succeeded(await run('BundleModelImage', inputs, { epoch })).outputs.imageDigest ?? '';
  };

  it('gives the image pushed last, whenever it was created, with few requests', async () => {
    azure.grantOn(registry, 'AcrPush');
    const first = await push('1\nstable', '1764200000', 'one');
    const second = await push('2', '1764100000', 'two');
    for (const node of ['24', '20'] as const) {
      const before = [registry.requests.length, registry.tokenCalls.length] as const;
      const { outputs } = succeeded(await run('ResolveLatestImage', {}, { node }));
      assert.deepEqual([outputs.imageDigest, outputs.imageTag], [second, '2']);
      assert.match(outputs.pushed ?? '', /^20\d\d-/);
      // What the registry is, its newest tags, the manifest, the configuration; one token in exchange, one for the repository.
      const [requests, tokens] = [registry.requests.slice(before[0]), registry.tokenCalls.slice(before[1])];
      assert.equal(requests.length, 4, requests.join('\n'));
      assert.deepEqual(tokens, ['POST /oauth2/exchange', 'POST /oauth2/token']);
    }
    const { outputs } = succeeded(await run('ResolveLatestImage', { newestBy: 'created' }));
    assert.equal(outputs.imageDigest, first);
    // A tag that is pushed again counts from then.
    assert.equal(await push('1', '1764200000', 'one'), first);
    const again = succeeded(await run('ResolveLatestImage', { newestBy: 'pushed', excludeTags: 'stable' }));
    assert.equal(again.outputs.imageDigest, second, 'nothing was pushed, for nothing had changed');
  });

  it('turns pages until a tag matches', async () => {
    azure.grantOn(registry, 'AcrPush');
    const wanted = await push('v1', '1764000000', 'one');
    await push('b1\nb2\nb3\nb4\nb5', '1764000000', 'two');
    registry.circumstances.tagsAPage = 2;
    const before = registry.requests.length;
    const { outputs } = succeeded(await run('ResolveLatestImage', { tags: 'v*' }));
    assert.equal(outputs.imageDigest, wanted);
    assert.equal(registry.requests.slice(before).filter((request) => request.includes('/_tags')).length, 3);
  });

  it('goes by creation where the identity may pull and not read metadata, and says so', async () => {
    azure.grantOn(registry, 'AcrPush');
    const first = await push('1', '1764200000', 'one');
    await push('2', '1764100000', 'two');
    azure.standIn.circumstances.interrupt = ({ url }) =>
      url.pathname.endsWith('/_tags')
        ? { status: 403, body: { errors: [{ code: 'DENIED', message: 'no' }] } }
        : undefined;
    const { outputs, log } = succeeded(await run('ResolveLatestImage', {}));
    assert.equal(outputs.imageDigest, first);
    assert.match(log, /does not say when tags were pushed \(REGISTRY_FORBIDDEN\)/);
    const pushed = await run('ResolveLatestImage', { newestBy: 'pushed' });
    assert.match(pushed.issues[0]?.message ?? '', /^REGISTRY_FORBIDDEN/);
  });

  it('needs no more than the documented roles', async () => {
    azure.grantOn(registry, 'AcrPush');
    const digest = await push('1', '1764000000', 'one');
    for (const [mode, role] of [
      ['rbac', 'AcrPull'],
      ['abac', 'Container Registry Repository Reader'],
    ] as const) {
      azure.reset();
      azure.grantOn(registry, role);
      registry.circumstances.registry = { ...registry.circumstances.registry, roleAssignmentMode: mode };
      const { outputs } = succeeded(await run('ResolveLatestImage', { newestBy: 'pushed' }));
      assert.equal(outputs.imageDigest, digest);
    }
  });

  it('tells a repository that is not there, and an identity without any role', async () => {
    azure.grantOn(registry, 'AcrPush');
    await push('1', '1764000000', 'one');
    const missing = await run('ResolveLatestImage', { repository: `${repository}x` });
    assert.match(
      missing.issues[0]?.message ?? '',
      new RegExp(`^REPOSITORY_NOT_FOUND: .*the registry has: ${repository}`),
    );
    azure.reset();
    const forbidden = await run('ResolveLatestImage', {});
    assert.match(forbidden.issues[0]?.message ?? '', /^REGISTRY_EXCHANGE_REFUSED/);
  });

  it('signs in by a Docker registry connection as well', async () => {
    azure.grantOn(registry, 'AcrPush');
    const digest = await push('1', '1764000000', 'one');
    const { outputs } = succeeded(
      await runTaskProcess({
        task: 'ResolveLatestImage',
        inputs: { repository, registryConnection: 'models' },
        connections: [azure.registryConnection('managed', registry.host), azure.runConnection()],
        variables: { ...azure.environment, NODE_EXTRA_CA_CERTS: azure.standIn.caFile },
      }),
    );
    assert.equal(outputs.imageDigest, digest);
    assert.notEqual(outputs.pushed, '');
  });
});
