import assert from 'node:assert/strict';
import { KubeClient } from '../../../lib/kube/client/kube-client.ts';
import { PODS } from '../../../lib/kube/client/resource.ts';
import { snapshot } from '../../../lib/kube/rollout/snapshot.ts';
import { json, list, playServer } from '../../support/api-server.ts';
import type { Act, PlayedServer } from '../../support/api-server.ts';

const refs = (...names: readonly string[]) => names.map((name) => ({ resource: PODS, namespace: 'shop', name }));
const pod = (name: string, more: object = {}): object => ({ kind: 'Pod', metadata: { name, ...more } });

describe('a snapshot of what is there', () => {
  let server: PlayedServer;
  let client: KubeClient;

  async function serve(...acts: readonly Act[]): Promise<void> {
    server = await playServer(...acts);
    client = new KubeClient(server.access);
  }

  afterEach(async () => {
    await client.close();
    await server.close();
  });

  it('asks for a few objects one by one', async () => {
    await serve(json(200, pod('a')), json(404, { kind: 'Status', details: { kind: 'pods' } }));
    const live = await snapshot(client, refs('a', 'b'), AbortSignal.timeout(10_000));
    assert.deepEqual(
      live.map((one) => one?.metadata.name),
      ['a', undefined],
    );
    assert.match(server.requests[1] ?? '', /pods\/b$/);
  });

  it('asks for many of a kind by one list', async () => {
    await serve(list('7', pod('e'), pod('other'), pod('a')));
    const live = await snapshot(client, refs('a', 'b', 'c', 'd', 'e'), AbortSignal.timeout(10_000));
    assert.deepEqual(
      live.map((one) => one?.metadata.name),
      ['a', undefined, undefined, undefined, 'e'],
    );
    assert.equal(server.requests.length, 1);
  });

  it('is refused while one of them is being deleted', async () => {
    await serve(json(200, pod('a', { deletionTimestamp: '2026-01-01T00:00:00Z' })));
    await assert.rejects(snapshot(client, refs('a'), AbortSignal.timeout(10_000)), { code: 'OBJECT_DELETED' });
  });
});
