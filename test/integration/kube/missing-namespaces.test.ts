import assert from 'node:assert/strict';
import { KubeClient } from '../../../lib/kube/client/kube-client.ts';
import type { ManifestObject } from '../../../lib/kube/manifests/manifest-object.ts';
import { missingNamespaces } from '../../../lib/kube/rollout/missing-namespaces.ts';
import { type Act, json, playServer } from '../../support/api-server.ts';

const THERE = json(200, { apiVersion: 'v1', kind: 'Namespace', metadata: { name: 'any' } });
const NOT_THERE = json(404, { kind: 'Status', reason: 'NotFound', details: { kind: 'namespaces' } });
const FORBIDDEN = json(403, { kind: 'Status', reason: 'Forbidden' });

function manifest(kind: string, name: string, namespace?: string): ManifestObject {
  const metadata = { name, ...(namespace === undefined ? {} : { namespace }) };
  return { object: { apiVersion: 'v1', kind, metadata }, source: 'app.yml:1' };
}

/** Names of the namespaces to be made, and what was asked for that, when the server answers like this. */
async function missing(
  manifests: readonly ManifestObject[],
  namespace: string | undefined,
  ...acts: readonly Act[]
): Promise<{ readonly names: readonly string[]; readonly requests: readonly string[] }> {
  const server = await playServer(...acts);
  const client = new KubeClient(server.access);
  try {
    const place = { namespace, fallback: 'home' };
    const found = await missingNamespaces(client, manifests, place, AbortSignal.timeout(10_000));
    return { names: found.map(({ object }) => object.metadata.name), requests: [...server.requests] };
  } finally {
    await client.close();
    await server.close();
  }
}

describe('namespaces that are missing', () => {
  it('are the one of the input, if it is not there', async () => {
    const manifests = [manifest('ConfigMap', 'a'), manifest('ConfigMap', 'b')];
    assert.deepEqual(await missing(manifests, 'shop', NOT_THERE), {
      names: ['shop'],
      requests: ['GET /api/v1/namespaces/shop'],
    });
    assert.deepEqual((await missing(manifests, 'shop', THERE)).names, []);
  });

  it('are without an input those that the objects name, or go to', async () => {
    const manifests = [
      manifest('ConfigMap', 'a', 'one'),
      manifest('ConfigMap', 'b', 'one'),
      manifest('ConfigMap', 'c'),
    ];
    assert.deepEqual((await missing(manifests, undefined, NOT_THERE, NOT_THERE)).names, ['one', 'home']);
  });

  it('are not those that a manifest makes', async () => {
    const manifests = [manifest('ConfigMap', 'a'), manifest('Namespace', 'shop')];
    assert.deepEqual(await missing(manifests, 'shop'), { names: [], requests: [] });
    const own = [manifest('ConfigMap', 'a', 'shop'), manifest('Namespace', 'shop')];
    assert.deepEqual(await missing(own, undefined), { names: [], requests: [] });
  });

  it('are none where the account may not look: it could not make them either', async () => {
    assert.deepEqual((await missing([manifest('ConfigMap', 'a')], 'shop', FORBIDDEN)).names, []);
  });
});
