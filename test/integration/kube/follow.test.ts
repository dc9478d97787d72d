import assert from 'node:assert/strict';
import { once, EventEmitter } from 'node:events';
import { follow } from '../../../lib/kube/client/follow.ts';
import { KubeClient } from '../../../lib/kube/client/kube-client.ts';
import { PODS } from '../../../lib/kube/client/resource.ts';
import { list, json, playServer, watch } from '../../support/api-server.ts';
import type { Act, PlayedServer } from '../../support/api-server.ts';

const pod = (name: string, resourceVersion: string): object => ({ metadata: { name, resourceVersion } });
const added = (name: string, version: string): object => ({ type: 'ADDED', object: pod(name, version) });

/** Follows pods on a server that plays `acts`, until `count` things were told; returns what was told. */
async function told(
  count: number,
  ...acts: readonly Act[]
): Promise<{ news: readonly string[]; server: PlayedServer }> {
  const server = await playServer(...acts);
  const client = new KubeClient(server.access);
  const stop = new AbortController();
  const news: string[] = [];
  const teller = new EventEmitter();
  const tell = (text: string): void => {
    news.push(text);
    if (news.length === count) teller.emit('enough');
  };
  const enough = once(teller, 'enough', { signal: AbortSignal.timeout(60_000) });
  const { ended } = await follow(
    client,
    { resource: PODS, namespace: 'shop' },
    {
      all: (objects) => tell(`all ${objects.map(({ metadata }) => metadata.name).join(' ')}`),
      changed: ({ metadata }) => tell(`changed ${metadata.name}`),
      gone: ({ metadata }) => tell(`gone ${metadata.name}`),
      lost: () => tell('lost'),
    },
    stop.signal,
    1,
  );
  await enough;
  stop.abort();
  await ended;
  await client.close();
  await server.close();
  return { news, server };
}

describe('following objects, on a server that misbehaves on purpose', () => {
  it('begins with all there are and goes on from that version', async () => {
    const { news, server } = await told(
      3,
      list('5', pod('a', '4')),
      watch('silence', added('b', '6'), { type: 'DELETED', object: pod('a', '7') }),
    );
    assert.deepEqual(news, ['all a', 'changed b', 'gone a']);
    assert.match(server.requests[1] ?? '', /resourceVersion=5/);
  });

  it('goes on from the last version when the server ends the watch, as it does in turn', async () => {
    const bookmark = { type: 'BOOKMARK', object: pod('', '9') };
    const { server } = await told(
      3,
      list('5'),
      watch('end', added('a', '6'), bookmark),
      watch('silence', added('b', '10')),
    );
    assert.match(server.requests[2] ?? '', /resourceVersion=9/);
  });

  it('goes on from the last version when the connection breaks', async () => {
    const { news, server } = await told(4, list('5'), watch('cut', added('a', '6')), watch('silence', added('b', '7')));
    assert.deepEqual(news, ['all ', 'changed a', 'lost', 'changed b']);
    assert.match(server.requests[2] ?? '', /resourceVersion=6/);
  });

  it('lists again when its version is too old, whether the answer or an event says so', async () => {
    const gone = { type: 'ERROR', object: { kind: 'Status', code: 410, reason: 'Expired' } };
    const { news } = await told(
      4,
      list('5'),
      json(410, { kind: 'Status', code: 410 }),
      list('50', pod('a', '49')),
      watch('end', gone),
      list('60', pod('b', '59')),
      watch('silence', added('c', '61')),
    );
    assert.deepEqual(news, ['all ', 'all a', 'all b', 'changed c']);
  });

  it('goes on from the last version when the connection says nothing any more', async () => {
    const { news, server } = await told(
      4,
      list('5'),
      watch('silence', added('a', '6')),
      watch('silence', added('b', '7')),
    );
    assert.deepEqual(news, ['all ', 'changed a', 'lost', 'changed b']);
    assert.match(server.requests[2] ?? '', /resourceVersion=6/);
  });

  it('bears a server that has just started and does not know its accounts yet', async () => {
    const stranger = json(401, { kind: 'Status', code: 401 });
    const { news } = await told(4, list('5'), stranger, stranger, watch('silence', added('a', '6')));
    assert.deepEqual(news, ['all ', 'lost', 'lost', 'changed a']);
  });

  it('ends when the right to watch is taken away', async () => {
    const refusal = json(403, { kind: 'Status', code: 403, message: 'cannot watch resource' });
    const server = await playServer(list('5'), ...Array<Act>(5).fill(refusal));
    const client = new KubeClient(server.access);
    const ignore = (): void => undefined;
    const follower = { all: ignore, changed: ignore, gone: ignore, lost: ignore };
    const { ended } = await follow(
      client,
      { resource: PODS, namespace: 'shop' },
      follower,
      AbortSignal.timeout(60_000),
    );
    await assert.rejects(ended, { status: 403 });
    await client.close();
    await server.close();
  });
});
