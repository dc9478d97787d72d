import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import { registryTokens } from '../../../lib/azure/container-registry.ts';
import { AzureSession } from '../../../lib/azure/session.ts';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { uploadBlob } from '../../../lib/oci/blob-upload.ts';
import { digestOf } from '../../../lib/oci/digest.ts';
import type { Login } from '../../../lib/oci/login.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import type { AzureRegistry } from '../../../tools/services/azure/registry-front.ts';
import { SCHEMES, type Scheme, TestAzure, withEnvironment } from '../../support/azure.ts';
import { startTokenRegistry, type TokenRegistry } from '../../support/token-registry.ts';

const NEVER = new AbortController().signal;
const REPOSITORY = 'team/app';
const USUAL = {
  admin: undefined,
  blockedAddress: undefined,
  roleAssignmentMode: 'rbac',
  allowsResourceManagerTokens: true,
} as const;
const CONTENT = randomBytes(400_000);

/** Sends a blob slowly, in so many pieces. */
async function push(client: RegistryClient, { pieces = 1, pause = 0 } = {}): Promise<string> {
  const size = CONTENT.length;
  const source = {
    name: 'weights',
    size,
    open: async function* (offset: number): AsyncGenerator<Uint8Array> {
      for (let start = offset; start < size; start += Math.ceil(size / pieces)) {
        await sleep(pause);
        yield CONTENT.subarray(start, start + Math.ceil(size / pieces));
      }
    },
  };
  const { digest } = await uploadBlob(client, {
    repository: REPOSITORY,
    source,
    onSent: () => undefined,
    signal: NEVER,
  });
  return digest;
}

describe('an Azure Container Registry', function () {
  this.timeout('60s');
  let azure: TestAzure;
  let registry: AzureRegistry;
  const tokens: string[] = [];
  const dispatchers: ReturnType<typeof createDispatcher>[] = [];
  before(async () => {
    azure = await TestAzure.start();
    registry = await azure.standIn.startRegistry();
  });
  after(async () => {
    await Promise.all(dispatchers.map((each) => each.destroy()));
    await azure.standIn.stop();
  });
  beforeEach(() => {
    azure.reset();
    Object.assign(registry.circumstances, {
      registry: { ...registry.circumstances.registry, ...USUAL },
      life: { refresh: 10_800, access: 4_500 },
    });
  });
  afterEach(() => assert.deepEqual(azure.standIn.unknownCalls, []));

  const clientBy = (scheme: Scheme): RegistryClient => {
    const dispatcher = createDispatcher({ caFile: azure.standIn.caFile });
    dispatchers.push(dispatcher);
    const surroundings = { dispatcher, signal: NEVER, onToken: () => undefined };
    const session = new AzureSession(azure.readConnection(scheme), surroundings);
    const login: Login = {
      kind: 'azure',
      identity: session.identity,
      token: registryTokens(session),
      from: 'the service connection "models"',
    };
    return new RegistryClient({ registry: registry.host, login, dispatcher, onToken: (token) => tokens.push(token) });
  };
  const clientOf = (login: Login): RegistryClient => {
    const dispatcher = createDispatcher({ caFile: azure.standIn.caFile });
    dispatchers.push(dispatcher);
    return new RegistryClient({ registry: registry.host, login, dispatcher });
  };
  const inAzure = <T>(work: () => Promise<T>): Promise<T> => withEnvironment(azure.environment, work);
  const password = (username: string, secret: string): Login => ({
    kind: 'password',
    username,
    password: secret,
    from: 'the service connection "shop"',
  });

  for (const scheme of SCHEMES) {
    it(`lets an identity of the scheme ${scheme} push with the role AcrPush and no more`, async () => {
      azure.grantOn(registry, 'AcrPush');
      const client = clientBy(scheme);
      const before = registry.tokenCalls.length;
      const digest = await inAzure(() => push(client));
      const found = await inAzure(() =>
        new Repository(client, { registry: registry.host, repository: REPOSITORY }, 'pull,push').document(
          digest,
          NEVER,
        ),
      );
      assert.equal(digestOf(found), digest);
      // One exchange and one token, however many requests.
      assert.deepEqual(registry.tokenCalls.slice(before), ['POST /oauth2/exchange', 'POST /oauth2/token']);
    });
  }

  it('is pushed to for longer than any of its tokens lives', async () => {
    azure.grantOn(registry, 'AcrPush');
    registry.circumstances.life = { refresh: 4, access: 3 };
    azure.standIn.circumstances.tokenLife = 5;
    const client = clientBy('federated');
    const [before, refusals] = [registry.tokenCalls.length, registry.refusals.length];
    await inAzure(async () => {
      for (let time = 0; time < 6; time += 1) {
        await push(client, { pieces: 3, pause: 400 });
      }
    });
    const calls = registry.tokenCalls.slice(before);
    assert.ok(calls.filter((call) => call.endsWith('exchange')).length >= 2, calls.join());
    assert.ok(calls.filter((call) => call.endsWith('token')).length >= 3, calls.join());
    // Renewed before they ended: only the very first request, which asks how to sign in, was refused.
    assert.deepEqual(registry.refusals.slice(refusals), ['401 GET']);
  });

  it('is asked for new tokens when those at hand are refused in the middle of a push', async () => {
    azure.grantOn(registry, 'AcrPush');
    const client = clientBy('secret');
    await push(client);
    const [before, refusals] = [registry.tokenCalls.length, registry.refusals.length];
    const pushed = push(client, { pieces: 4, pause: 300 });
    await sleep(600);
    registry.revokeTokens();
    await pushed;
    registry.revokeTokens();
    await push(client);
    assert.deepEqual(registry.tokenCalls.slice(before), [
      ...['POST /oauth2/token', 'POST /oauth2/exchange', 'POST /oauth2/token'],
      ...['POST /oauth2/token', 'POST /oauth2/exchange', 'POST /oauth2/token'],
    ]);
    assert.ok(registry.refusals.length >= refusals + 2);
  });

  it('takes tokens of Azure Resource Manager where the tenant knows no registries', async () => {
    azure.grantOn(registry, 'AcrPush');
    azure.standIn.circumstances.knowsRegistries = false;
    await push(clientBy('secret'));
    registry.circumstances.registry = { ...registry.circumstances.registry, allowsResourceManagerTokens: false };
    await assert.rejects(push(clientBy('secret')), { code: 'REGISTRY_EXCHANGE_REFUSED' });
  });

  it('tells what a role lacks, in both of its modes', async () => {
    await assert.rejects(push(clientBy('secret')), {
      code: 'REGISTRY_EXCHANGE_REFUSED',
      message: /does not let the application .* sign in/,
      remedy: /AcrPush/,
    });
    azure.grantOn(registry, 'AcrPull');
    await assert.rejects(push(clientBy('secret')), {
      code: 'REGISTRY_FORBIDDEN',
      message: /does not allow the application .* to push weights/,
      remedy: /AcrPush.*ABAC.*Repository Writer/,
    });
    azure.grantOn(registry, 'AcrPush');
    registry.circumstances.registry = { ...registry.circumstances.registry, roleAssignmentMode: 'abac' };
    await assert.rejects(push(clientBy('secret')), { code: 'REGISTRY_EXCHANGE_REFUSED', remedy: /ABAC/ });
    azure.grantOn(registry, 'Container Registry Repository Reader');
    await assert.rejects(push(clientBy('secret')), { code: 'REGISTRY_FORBIDDEN', remedy: /Repository Writer/ });
    azure.grantOn(registry, 'Container Registry Repository Writer');
    await push(clientBy('secret'));
  });

  it('says that its firewall is in the way, and from where the agent comes', async () => {
    azure.grantOn(registry, 'AcrPush');
    registry.circumstances.registry = { ...registry.circumstances.registry, blockedAddress: '203.0.113.7' };
    await assert.rejects(push(clientBy('secret')), { code: 'REGISTRY_FIREWALL', message: /comes from 203\.0\.113\.7/ });
  });

  it('knows its admin user while that is enabled', async () => {
    await assert.rejects(push(clientOf(password('images', 'secret'))), {
      code: 'REGISTRY_USER_UNKNOWN',
      message: /knows no user images.*admin user is off/,
    });
    const admin = { username: 'images', password: 'admin-secret' };
    registry.circumstances.registry = { ...registry.circumstances.registry, admin };
    await push(clientOf(password(admin.username, admin.password)));
    await assert.rejects(push(clientOf(password(admin.username, 'wrong'))), {
      code: 'REGISTRY_UNAUTHORIZED',
      message: /did not accept the credentials of images/,
      remedy: /in the service connection "shop"/,
    });
  });

  it('hands a login to docker that needs no Entra', async () => {
    azure.grantOn(registry, 'AcrPush');
    const login = await clientBy('secret').dockerLogin(NEVER);
    assert.ok(login !== undefined && 'username' in login);
    assert.equal(login.username, '00000000-0000-0000-0000-000000000000');
    assert.ok(registry.tokens.has(login.password));
    await push(clientOf({ kind: 'password', ...login, from: 'docker' }));
  });

  it('never gets credentials of Azure sent elsewhere, whatever realm it names', async () => {
    azure.grantOn(registry, 'AcrPush');
    const stranger = await startTokenRegistry();
    try {
      const dispatcher = createDispatcher({ caFile: azure.standIn.caFile });
      dispatchers.push(dispatcher);
      let asked = 0;
      const login: Login = {
        kind: 'azure',
        identity: 'the application x',
        token: () => Promise.resolve(`entra-${(asked += 1)}`),
        from: 'a test',
      };
      // Loopback as well, but neither this registry nor over TLS.
      const client = new RegistryClient({ registry: stranger.host, login, dispatcher });
      await assert.rejects(push(client), { code: 'REGISTRY_AUTH_UNTRUSTED', message: /is not the registry itself/ });
      assert.equal(asked, 0);
      assert.deepEqual(stranger.asked, []);
      await assert.rejects(client.dockerLogin(NEVER), { code: 'REGISTRY_INSECURE' });
      assert.equal(asked, 0);
    } finally {
      await stranger.stop();
    }
  });
});

describe("a registry with Docker's token authentication", function () {
  this.timeout('60s');
  const dispatcher = createDispatcher();
  let registry: TokenRegistry;
  before(async () => {
    registry = await startTokenRegistry();
  });
  beforeEach(() => Object.assign(registry, { life: 300, allowed: ['pull', 'push'] }));
  after(async () => {
    await dispatcher.destroy();
    await registry.stop();
  });
  const from = 'the service connection "shop"';
  const clientOf = (login: Login | undefined): RegistryClient =>
    new RegistryClient({ registry: registry.host, login, dispatcher });
  const byPassword = (password: string): Login => ({ kind: 'password', username: registry.username, password, from });
  const byRefresh = (refreshToken: string): Login => ({ kind: 'refreshToken', username: 'pusher', refreshToken, from });

  it('is pushed to by user name and password, by refresh token and by a token of its own', async () => {
    await push(clientOf(byPassword(registry.password)));
    await push(clientOf(byRefresh(registry.refreshToken)));
    const token = registry.tokenFor(REPOSITORY, ['pull', 'push']);
    const before = registry.asked.length;
    await push(clientOf({ kind: 'token', token, from }));
    assert.equal(registry.asked.length, before);
  });

  it('is pushed to for longer than its tokens live', async () => {
    registry.life = 1;
    const before = registry.asked.length;
    const client = clientOf(byPassword(registry.password));
    await push(client, { pieces: 4, pause: 500 });
    await push(client, { pieces: 4, pause: 500 });
    assert.ok(registry.asked.length - before >= 3);
  });

  it('tells wrong credentials, missing rights and ended tokens apart', async () => {
    const cases: readonly (readonly [Login | undefined, string, RegExp])[] = [
      [byPassword('wrong'), 'REGISTRY_UNAUTHORIZED', /did not accept the credentials of pusher/],
      [byRefresh('wrong'), 'REGISTRY_UNAUTHORIZED', /did not accept the login of pusher/],
      [{ kind: 'token', token: 'wrong', from }, 'REGISTRY_UNAUTHORIZED', /did not accept the token/],
      [
        { kind: 'token', token: registry.tokenFor(REPOSITORY, ['pull', 'push'], -100), from },
        'REGISTRY_LOGIN_EXPIRED',
        /of the service connection "shop" ended at/,
      ],
      [
        { kind: 'token', token: registry.tokenFor(REPOSITORY, ['pull']), from },
        'REGISTRY_FORBIDDEN',
        /does not allow the token to push/,
      ],
      [undefined, 'REGISTRY_UNAUTHORIZED', /wants credentials/],
    ];
    for (const [login, code, message] of cases) await assert.rejects(push(clientOf(login)), { code, message });
    registry.allowed = ['pull'];
    await assert.rejects(push(clientOf(byPassword(registry.password))), {
      code: 'REGISTRY_FORBIDDEN',
      message: /does not allow pusher to push/,
    });
  });
});
