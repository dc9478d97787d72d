import assert from 'node:assert/strict';
import { createServer } from 'node:net';
import type { AddressInfo } from 'node:net';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import type { ClusterCredential } from '../../../lib/kube/cluster-access.ts';
import { explainRefusal } from '../../../lib/kube/client/api-error.ts';
import { ApiError } from '../../../lib/kube/client/api-error.ts';
import { KubeClient } from '../../../lib/kube/client/kube-client.ts';
import type { ClientOptions } from '../../../lib/kube/client/kube-client.ts';
import { NAMESPACES, PODS } from '../../../lib/kube/client/resource.ts';
import { json, list, playServer } from '../../support/api-server.ts';
import type { Act } from '../../support/api-server.ts';

const SHOP = { resource: NAMESPACES, namespace: undefined, name: 'shop' };
const FOUND = { kind: 'Namespace', metadata: { name: 'shop' } };
const FOUND_WHOLE = { apiVersion: 'v1', ...FOUND };
let signal: AbortSignal;

interface AgainstOptions extends Pick<ClientOptions, 'beforeWrite'> {
  readonly warnings?: string[];
  readonly credential?: ClusterCredential;
}

/** What `use` gives against a server that plays `acts`, and the requests that it took. */
async function against<T>(
  acts: readonly Act[],
  use: (client: KubeClient) => Promise<T>,
  { warnings = [], credential, ...options }: AgainstOptions = {},
): Promise<{ readonly value: T; readonly requests: readonly string[] }> {
  const server = await playServer(...acts);
  const access = { ...server.access, credential: credential ?? server.access.credential };
  const client = new KubeClient(access, { onWarning: (warning) => warnings.push(warning), ...options });
  try {
    return { value: await use(client), requests: server.requests };
  } finally {
    await client.close();
    await server.close();
  }
}

const cut: Act = (request) => request.socket.destroy();

describe('requests to an API server that misbehaves on purpose', () => {
  beforeEach(() => {
    signal = AbortSignal.timeout(30_000);
  });

  it('are sent again when the connection breaks or the server is busy', async () => {
    const acts = [cut, json(429, { kind: 'Status' }, { 'retry-after': '1' }), json(200, FOUND)];
    const { value, requests } = await against(acts, (client) => client.get(SHOP, signal));
    assert.equal(value?.metadata.name, 'shop');
    assert.equal(requests.length, 3);
  });

  it('are not sent again when the answer is final', async () => {
    for (const status of [400, 401, 403, 409, 422]) {
      await assert.rejects(
        against([json(status, { kind: 'Status' })], (client) => client.get(SHOP, signal)),
        { name: 'ApiError', status },
      );
    }
  });

  it('that create are not sent again when it is not known whether they arrived', async () => {
    const ref = { resource: PODS, namespace: 'shop', name: 'a' };
    const object = { apiVersion: 'v1', kind: 'Pod', metadata: { name: 'a' } };
    await assert.rejects(
      against([cut, json(201, object)], (client) => client.create(ref, object, signal)),
      { code: 'CLUSTER_UNREACHABLE' },
    );
  });

  it('that write are sent again only if writing is still permitted', async () => {
    const lost = new DeliveryError('LEASE_LOST', { message: 'Another run has it.', remedy: 'See what came of that.' });
    const writes: readonly ((client: KubeClient) => Promise<unknown>)[] = [
      (client) => client.apply(SHOP, FOUND_WHOLE, { dryRun: false, force: false }, signal),
      (client) => client.create(SHOP, FOUND_WHOLE, signal),
      (client) => client.replace(SHOP, FOUND_WHOLE, signal),
      (client) => client.patchJson(SHOP, [], signal),
      (client) => client.remove(SHOP, undefined, signal),
    ];
    for (const write of writes) {
      let sent = 0;
      const busy: Act = (request, response) => {
        sent++;
        json(503, { kind: 'Status' })(request, response);
      };
      const beforeWrite = (): Promise<void> => (sent > 0 ? Promise.reject(lost) : Promise.resolve());
      await assert.rejects(against([busy, busy], write, { beforeWrite }), lost);
      assert.equal(sent, 1);
    }
  });

  it('give undefined for what is not there, but not for a missing namespace', async () => {
    const { value } = await against([json(404, { kind: 'Status', details: { kind: 'pods' } })], (client) =>
      client.get(SHOP, signal),
    );
    assert.equal(value, undefined);
    const noNamespace = json(404, { kind: 'Status', details: { kind: 'namespaces' } });
    const pod = { resource: PODS, namespace: 'shop', name: 'web' };
    await assert.rejects(
      against([noNamespace], (client) => client.get(pod, signal)),
      (error) => error instanceof ApiError && explainRefusal(error).code === 'NAMESPACE_NOT_FOUND',
    );
  });

  it('read lists page by page', async () => {
    const first = json(200, {
      metadata: { resourceVersion: '1', continue: 'next' },
      items: [{ metadata: { name: 'a' } }],
    });
    const { value, requests } = await against([first, list('1', { metadata: { name: 'b' } })], (client) =>
      client.list(PODS, 'shop', {}, signal),
    );
    assert.deepEqual(
      value.items.map(({ kind, metadata }) => `${kind} ${metadata.name}`),
      ['Pod a', 'Pod b'],
    );
    assert.match(requests[1] ?? '', /continue=next/);
  });

  it('pass on what the server warns of', async () => {
    const warnings: string[] = [];
    const warned = json(200, FOUND, { warning: '299 - "policy/v1beta1 is deprecated"' });
    await against([warned], (client) => client.get(SHOP, signal), { warnings });
    assert.deepEqual(warnings, ['policy/v1beta1 is deprecated']);
  });

  it('that are answered with something else than JSON fail clearly', async () => {
    const page: Act = (_, response) => response.end('<html>Sign in to the hotel network</html>');
    await assert.rejects(
      against([page, page, page, page], (client) => client.get(SHOP, signal)),
      { code: 'CLUSTER_UNREACHABLE' },
    );
  });

  it('end at once when they are cancelled', async () => {
    const silent: Act = () => undefined;
    await assert.rejects(
      against([silent], (client) => client.get(SHOP, AbortSignal.timeout(50))),
      { name: 'TimeoutError' },
    );
  });

  describe('with tokens that end', () => {
    const answerTo =
      (wanted: string): Act =>
      (request, response) => {
        const isGood = request.headers.authorization === `Bearer ${wanted}`;
        json(isGood ? 200 : 401, isGood ? FOUND : { kind: 'Status', reason: 'Unauthorized' })(request, response);
      };

    it('carry the token of the moment', async () => {
      let number = 0;
      const credential = { tokens: () => Promise.resolve(`token-${number++}`) };
      const twice = async (client: KubeClient): Promise<unknown> => [
        await client.get(SHOP, signal),
        await client.get(SHOP, signal),
      ];
      const { requests } = await against([answerTo('token-0'), answerTo('token-1')], twice, { credential });
      assert.equal(requests.length, 2);
    });

    it('are sent once more with a new one when theirs is refused, and only once', async () => {
      const refused: unknown[] = [];
      const credential = {
        tokens: (old?: string) => {
          refused.push(old);
          return Promise.resolve(old === undefined ? 'old' : 'new');
        },
      };
      const get = (client: KubeClient): Promise<unknown> => client.get(SHOP, signal);
      await against([answerTo('new'), answerTo('new')], get, { credential });
      assert.deepEqual(refused, [undefined, 'old']);
      await assert.rejects(against([answerTo('other'), answerTo('other')], get, { credential }), {
        name: 'ApiError',
        status: 401,
        byEntra: true,
      });
      // A stream begins in the same way.
      const watch = async (client: KubeClient): Promise<unknown> =>
        client.watch(PODS, 'shop', {}, { seconds: 1, signal }).next();
      await against([answerTo('new'), answerTo('new')], watch, { credential });
    });

    it('fail as getting a token fails, and are not sent', async () => {
      const failure = new DeliveryError('AZURE_SECRET_EXPIRED', { message: 'It has expired.', remedy: 'Renew it.' });
      const credential = { tokens: () => Promise.reject(failure) };
      const get = (client: KubeClient): Promise<unknown> => client.get(SHOP, signal);
      await assert.rejects(against([], get, { credential }), failure);
    });
  });

  it('to an address where nobody listens name it', async () => {
    const probe = createServer();
    await new Promise<void>((resolve) => probe.listen(0, '127.0.0.1', resolve));
    const { port } = probe.address() as AddressInfo;
    await new Promise((resolve) => probe.close(resolve));
    const server = await playServer();
    const client = new KubeClient({ ...server.access, server: `http://127.0.0.1:${port}` });
    await assert.rejects(client.get(SHOP, signal), { code: 'CLUSTER_UNREACHABLE', message: /ECONNREFUSED/ });
    await client.close();
    await server.close();
  });
});
