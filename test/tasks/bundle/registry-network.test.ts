import assert from 'node:assert/strict';
import { randomBytes, randomUUID } from 'node:crypto';
import { writeFileSync } from 'node:fs';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';
import { Repository } from '../../../lib/oci/repository.ts';
import { certifyLoopback, makeAuthority, PROXIED_DOMAIN } from '../../../tools/services/azure/certificates.ts';
import { ensureServices } from '../../../tools/services/services.ts';
import { pushSimpleBase } from '../../support/base-images.ts';
import { ConnectProxy } from '../../support/connect-proxy.ts';
import { TestFolder } from '../../support/model-folder.ts';
import { type NodeVersion, runTaskProcess, type TaskProcessResult } from '../../support/packed-task.ts';
import { RegistryFaults } from '../../support/registry-faults.ts';

type Values = Readonly<Record<string, string>>;

const NEVER = new AbortController().signal;
const MIB = 1024 * 1024;
/** What the registry takes in one request; the model is sent as one piece first, and then in quarters of that. */
const LARGEST_BODY = 4 * MIB;
const PROXY_USER = { username: 'agent', password: 'p@ss/word' };

describe('BundleModelImage pushes to a registry with a certificate of its own authority', function () {
  this.timeout('120s');
  const base = `network/${randomUUID()}/base`;
  let host = '';
  let registry: RegistryFaults;
  let proxy: ConnectProxy;
  let folder: TestFolder;
  let caFile = '';
  before(async () => {
    ({ host } = (await ensureServices(['registry'])).registry);
    await pushSimpleBase(host, base);
    folder = new TestFolder();
    folder.write('model', { 'weights.bin': randomBytes(12 * MIB) });
    const authority = await makeAuthority('Company');
    caFile = folder.at('authorities.pem');
    writeFileSync(caFile, authority.certificate);
    registry = await RegistryFaults.start(host, await certifyLoopback(authority));
    registry.plan = ({ method, size }) => (method === 'PATCH' && size > LARGEST_BODY ? { answer: 413 } : undefined);
  });
  beforeEach(async () => {
    registry.seen.length = 0;
    proxy = await ConnectProxy.start(PROXY_USER);
  });
  afterEach(() => proxy.stop());
  after(async () => {
    await registry.stop();
    folder.remove();
  });

  /** By this name only the proxy finds the registry. */
  const proxiedHost = (): string => `registry.${PROXIED_DOMAIN}:${registry.host.split(':')[1] ?? ''}`;
  const throughProxy = ({ username, password }: typeof PROXY_USER = PROXY_USER): Values => ({
    'Agent.ProxyUrl': proxy.origin,
    'Agent.ProxyUsername': username,
    'Agent.ProxyPassword': password,
    'Agent.ProxyBypassList': '[]',
  });
  const run = (at: string, repository: string, variables: Values, node: NodeVersion = '24') =>
    runTaskProcess({
      task: 'BundleModelImage',
      node,
      inputs: {
        repository: `${at}/${repository}`,
        tags: 'latest',
        baseImage: `${at}/${base}:1`,
        modelFolder: folder.at('model'),
      },
      variables: { SOURCE_DATE_EPOCH: '1764000000', NODE_EXTRA_CA_CERTS: '', ...variables },
    });
  const newName = (): string => `network/${randomUUID()}`;
  /** That the image is in the registry, and that its model went there in pieces. */
  const assertPushed = async ({ result, outputs, log }: TaskProcessResult, repository: string): Promise<void> => {
    assert.equal(result, 'Succeeded', log);
    const pieces = registry.seen.filter(({ method }) => method === 'PATCH');
    assert.ok(pieces.length > 4, `${pieces.length} pieces`);
    const dispatcher = createDispatcher();
    const client = new RegistryClient({ registry: host, dispatcher });
    const there = new Repository(client, { registry: host, repository }, 'pull');
    assert.equal(await there.digestOfTag('latest', NEVER), outputs.imageDigest);
    // The registry has checked the digest of what it keeps under it.
    assert.ok(await there.hasBlob(outputs.modelLayers ?? '', NEVER));
    await dispatcher.destroy();
  };
  const errorOf = ({ result, issues, log }: TaskProcessResult): string => {
    assert.equal(result, 'Failed', log);
    return issues.find(({ type }) => type === 'error')?.message ?? '';
  };

  for (const node of ['24', '20'] as const) {
    it(`in pieces through the agent's proxy, and nothing goes past it, on Node ${node}`, async () => {
      const repository = newName();
      const variables = { ...throughProxy(), 'Agent.CAInfo': caFile };
      await assertPushed(await run(proxiedHost(), repository, variables, node), repository);
      assert.deepEqual([...new Set(proxy.targets)], [proxiedHost()]);
    });

    it(`in pieces without a proxy, by the agent's own authorities, on Node ${node}`, async () => {
      const repository = newName();
      await assertPushed(await run(registry.host, repository, { 'Agent.CAInfo': caFile }, node), repository);
    });
  }

  it('not where the agent does not trust the authority or the proxy does not know the agent, and says why', async () => {
    const untrusted = errorOf(await run(proxiedHost(), newName(), throughProxy()));
    assert.match(untrusted, /^REGISTRY_UNTRUSTED: .*sslcacert/);
    const stranger = { ...throughProxy({ ...PROXY_USER, password: 'wrong-password' }), 'Agent.CAInfo': caFile };
    const unknown = errorOf(await run(proxiedHost(), newName(), stranger));
    assert.match(unknown, /^REGISTRY_UNREACHABLE: .* the proxy answered 407\. Check user name and password/);
    assert.deepEqual(registry.seen, []);
  });
});
