import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { AzureRegistry } from '../../../tools/services/azure/registry-front.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { SCHEMES, type Scheme, TestAzure } from '../../support/azure.ts';
import { pushSimpleBase } from '../../support/base-images.ts';
import {
  type Connection,
  errorOf,
  type NodeVersion,
  runTaskProcess,
  succeeded,
  type TaskProcessResult,
} from '../../support/packed-task.ts';
import { startTokenRegistry, type TokenRegistry } from '../../support/token-registry.ts';

type Values = Readonly<Record<string, string>>;
const BASE = 'sign-in/base';
const USUAL = {
  admin: undefined,
  blockedAddress: undefined,
  roleAssignmentMode: 'rbac',
  allowsResourceManagerTokens: true,
} as const;

describe('BundleModelImage signs in to registries', function () {
  this.timeout('120s');
  let azure: TestAzure;
  let registry: AzureRegistry;
  let docker: TokenRegistry;
  let base = '';
  let folder = '';
  before(async () => {
    [azure, docker] = await Promise.all([TestAzure.start(), startTokenRegistry()]);
    registry = await azure.standIn.startRegistry();
    const { host } = (await ensureServices(['registry'])).registry;
    base = await pushSimpleBase(host, BASE);
    folder = mkdtempSync(join(tmpdir(), 'sign-in-'));
    mkdirSync(join(folder, 'model'));
    writeFileSync(join(folder, 'model', 'weights.bin'), randomBytes(100_000));
  });
  after(async () => {
    rmSync(folder, { recursive: true, force: true });
    await Promise.all([azure.standIn.stop(), docker.stop()]);
  });
  beforeEach(() => {
    azure.reset();
    Object.assign(registry.circumstances, {
      registry: { ...registry.circumstances.registry, ...USUAL },
      life: { refresh: 10_800, access: 4_500 },
      bytesPerSecond: undefined,
    });
    Object.assign(docker, { life: 300, allowed: ['pull', 'push'] });
  });
  afterEach(() => assert.deepEqual(azure.standIn.unknownCalls, []));

  /** Runs the packed task with debug lines on, as somebody does who looks for secrets in the log. */
  const run = async (
    inputs: Values,
    connections: readonly Connection[],
    { node = '24', variables = {} }: { readonly node?: NodeVersion; readonly variables?: Values } = {},
  ): Promise<TaskProcessResult> => {
    const result = await runTaskProcess({
      task: 'BundleModelImage',
      node,
      inputs: { tags: 'latest', baseImage: base, modelFolder: join(folder, 'model'), ...inputs },
      connections: [...connections, azure.runConnection()],
      variables: {
        ...azure.environment,
        NODE_EXTRA_CA_CERTS: azure.standIn.caFile,
        DOCKER_CONFIG: join(folder, 'none'),
        'System.Debug': 'true',
        SOURCE_DATE_EPOCH: '1764000000',
        ...variables,
      },
    });
    assertNoSecret(result.log);
    return result;
  };
  const assertNoSecret = (log: string): void => {
    // What the agent hid was printed: another agent might not know it.
    assert.ok(!log.includes('***'), log);
    const secrets = [...azure.secrets, ...registry.tokens, docker.password, docker.refreshToken];
    for (const secret of secrets.flatMap((each) => each.split('\n')).filter((line) => line.length > 8)) {
      if (secret.startsWith('-----')) continue;
      const spellings = [secret, encodeURIComponent(secret), Buffer.from(secret).toString('base64').replace(/=+$/, '')];
      for (const spelling of spellings) assert.ok(!log.includes(spelling), `${spelling} in\n${log}`);
    }
  };
  const target = (): Values => ({ repository: `team/app-${randomBytes(4).toString('hex')}` });
  const byConnection = (scheme: Scheme, parameters: Values = {}): [Values, Connection[]] => [
    { ...target(), registryConnection: 'models' },
    [azure.registryConnection(scheme, registry.host, parameters)],
  ];
  const bySubscription = (scheme: Scheme, parameters: Values = {}): [Values, Connection[]] => [
    { ...target(), registrySubscription: 'models', registry: registry.host },
    [azure.connection(scheme, parameters)],
  ];
  const shop = (scheme: string, parameters: Values): Connection => ({
    name: 'shop',
    type: 'dockerregistry',
    url: `http://${docker.host}`,
    authorization: { scheme, parameters: { registry: `http://${docker.host}`, ...parameters } },
  });
  const byShop = (scheme: string, parameters: Values): [Values, Connection[]] => [
    { ...target(), registryConnection: 'shop' },
    [shop(scheme, parameters)],
  ];
  const writeConfig = (config: object): Values => {
    const own = mkdtempSync(join(folder, 'docker-'));
    writeFileSync(join(own, 'config.json'), JSON.stringify(config));
    return { DOCKER_CONFIG: own };
  };

  for (const node of ['24', '20'] as const) {
    for (const scheme of SCHEMES) {
      it(`of Azure by the scheme ${scheme}, with either kind of connection, on Node ${node}`, async () => {
        azure.grantOn(registry, 'AcrPush');
        for (const by of [byConnection, bySubscription]) {
          const { outputs } = succeeded(await run(...by(scheme), { node }));
          assert.match(outputs.image ?? '', new RegExp(`^${registry.host}/team/app-.*@sha256:`));
        }
      });
    }

    it(`with Docker's token authentication, by password and by token, on Node ${node}`, async () => {
      const { username, password } = docker;
      succeeded(await run(...byShop('UsernamePassword', { username, password }), { node }));
      const [inputs] = byShop('Token', {});
      const apitoken = docker.tokenFor(inputs.repository ?? '', ['pull', 'push']);
      succeeded(await run(inputs, [shop('Token', { apitoken })], { node }));
    });
  }

  it('as docker login has left it, and says what it does not run', async () => {
    const { username, password, refreshToken, host } = docker;
    const auth = Buffer.from(`${username}:${password}`).toString('base64');
    const repository = `${host}/team/app`;
    succeeded(await run({ repository }, [], { variables: writeConfig({ auths: { [host]: { auth } } }) }));
    const byToken = { auths: { [host]: { identitytoken: refreshToken } } };
    succeeded(await run({ repository }, [], { variables: writeConfig(byToken) }));
    const helped = await run({ repository }, [], { variables: writeConfig({ credHelpers: { [host]: 'acr-env' } }) });
    assert.match(errorOf(helped), /^REGISTRY_UNAUTHORIZED: .*wants credentials/);
    assert.match(helped.log, /docker-credential-acr-env, which is not run/);
    const wrong = { auths: { [host]: { auth: Buffer.from('pusher:wrong').toString('base64') } } };
    const variables = writeConfig(wrong);
    assert.match(
      errorOf(await run({ repository }, [], { variables })),
      new RegExp(`^REGISTRY_UNAUTHORIZED: .* in ${variables.DOCKER_CONFIG ?? ''}/config\\.json`),
    );
  });

  it('reads a private base of another registry by its own Azure connection', async () => {
    azure.grantOn(registry, 'AcrPush');
    const [inputs, connections] = bySubscription('secret');
    const { outputs } = succeeded(await run(inputs, connections));
    const { username, password } = docker;
    const [to, shops] = byShop('UsernamePassword', { username, password });
    const from = { baseRegistrySubscription: 'models', baseImage: outputs.image ?? '', modelTarget: '/second' };
    succeeded(await run({ ...to, ...from }, [...shops, ...connections]));
    const short = { baseRegistry: registry.host, baseImage: `${inputs.repository ?? ''}:latest` };
    succeeded(await run({ ...to, ...from, ...short }, [...shops, ...connections]));
  });

  it('gives the builder of a Dockerfile what it needs to pull a private base', async () => {
    const { host: engine } = (await ensureServices(['docker'])).docker;
    azure.grantOn(registry, 'AcrPush');
    const [inputs, connections] = bySubscription('secret');
    const { outputs } = succeeded(await run(inputs, connections));
    const context = mkdtempSync(join(folder, 'context-'));
    writeFileSync(join(context, 'Dockerfile'), `FROM ${outputs.image ?? ''}\nLABEL built=yes\n`);
    // The client of Docker takes the stand-in's authority from where programs in Go look for it.
    const variables = { SSL_CERT_FILE: azure.standIn.caFile, DOCKER_HOST: engine };
    const build = { builder: 'dockerfile', buildContext: context, modelTarget: '/second' };
    const elsewhere = { ...target(), ...build, registryConnection: 'shop' };
    const { username, password } = docker;
    const both = [shop('UsernamePassword', { username, password }), ...connections];
    // The engine keeps what it has pulled, so the pull that must not succeed comes first.
    assert.match(errorOf(await run(elsewhere, both, { variables })), /^DOCKER_PULL_FAILED: /);
    const base = { baseRegistrySubscription: 'models', baseRegistry: registry.host };
    succeeded(await run({ ...elsewhere, ...base }, both, { variables }));
    const env = { ...process.env, DOCKER_HOST: engine };
    execFileSync('docker', ['image', 'rm', '--force', outputs.image ?? ''], { env, stdio: 'ignore' });
    succeeded(await run({ ...inputs, ...build }, connections, { variables }));
    execFileSync('docker', ['image', 'rm', '--force', outputs.image ?? ''], { env, stdio: 'ignore' });
  });

  it('goes on with a push that outlives its tokens on a slow link', async () => {
    azure.grantOn(registry, 'AcrPush');
    const large = mkdtempSync(join(folder, 'large-'));
    writeFileSync(join(large, 'weights.bin'), randomBytes(3_000_000));
    Object.assign(registry.circumstances, { life: { refresh: 5, access: 3 }, bytesPerSecond: 300_000 });
    azure.standIn.circumstances.tokenLife = 6;
    const before = registry.tokenCalls.length;
    const inputs = { ...target(), registrySubscription: 'models', registry: registry.host, modelFolder: large };
    succeeded(await run(inputs, [azure.connection('federated')]));
    const calls = registry.tokenCalls.slice(before);
    assert.ok(calls.filter((call) => call.endsWith('/token')).length > 1, calls.join());
    assert.ok(calls.filter((call) => call.endsWith('/exchange')).length > 1, calls.join());
  });

  it('ends with one error that says what is wrong', async () => {
    const none = 'c0ffee00-0000-4000-8000-000000000000';
    const wrong: readonly (readonly [RegExp, [Values, Connection[]], Values?])[] = [
      [/^AZURE_SECRET_REFUSED: /, byConnection('secret', { serviceprincipalkey: 'wrong-secret' })],
      [/^AZURE_IDENTITY_NOT_FOUND: /, byConnection('federated', { serviceprincipalid: none })],
      [/^AZURE_IDENTITY_NOT_FOUND: /, bySubscription('certificate', { tenantid: none })],
      [
        /^MANAGED_IDENTITY_MISSING: /,
        byConnection('managed'),
        { AZURE_POD_IDENTITY_AUTHORITY_HOST: 'http://127.0.0.1:9' },
      ],
      [/^REGISTRY_EXCHANGE_REFUSED: .*the application .* of the service connection .*AcrPush/, byConnection('secret')],
      [/^REGISTRY_UNAUTHORIZED: .*pusher/, byShop('UsernamePassword', { username: 'pusher', password: 'wrong-one' })],
      [/^REGISTRY_UNAUTHORIZED: .*did not accept the token/, byShop('Token', { apitoken: 'wrong-token' })],
      [/^CONNECTION_INVALID: .*no apitoken/, byShop('Token', {})],
      [/^CONNECTION_INVALID: .*no loginServer/, byConnection('secret', { loginServer: '' })],
    ];
    for (const [message, [inputs, connections], variables = {}] of wrong) {
      assert.match(errorOf(await run(inputs, connections, { variables })), message);
    }
  });

  it('tells inputs that do not go together', async () => {
    const [inputs, connections] = bySubscription('secret');
    const other = shop('UsernamePassword', { username: 'u', password: 'password' });
    const cases: readonly (readonly [RegExp, Values])[] = [
      [/^INPUT_INVALID: .*registryConnection and registrySubscription are both/, { registryConnection: 'shop' }],
      [/^REGISTRY_NOT_AZURE: .*registrySubscription.*docker\.io/, { registry: '' }],
      [/^REGISTRY_NOT_AZURE: .*evil\.example\.com/, { registry: 'azurecr.io.evil.example.com' }],
      [/^INPUT_INVALID: .*is for 127.*is of shop\.azurecr\.io/, { repository: 'shop.azurecr.io/team/app' }],
    ];
    for (const [message, more] of cases) {
      assert.match(errorOf(await run({ ...inputs, ...more }, [...connections, other])), message);
    }
  });
});
