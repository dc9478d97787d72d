import assert from 'node:assert/strict';
import { discoverKinds } from '../../../lib/kube/client/discovery.ts';
import { KubeClient } from '../../../lib/kube/client/kube-client.ts';
import type { ManifestObject } from '../../../lib/kube/manifests/manifest-object.ts';
import { json, playServer } from '../../support/api-server.ts';
import type { Act } from '../../support/api-server.ts';

const KINDS: Readonly<Record<string, object>> = {
  '/api/v1': { name: 'configmaps', kind: 'ConfigMap', namespaced: true },
  '/apis/apps/v1': { name: 'deployments', kind: 'Deployment', namespaced: true },
};

/** Answers what it is asked for; an API that is away, as one that another server adds may be, with 503. */
const answer: Act = (request, response) => {
  const known = KINDS[request.url ?? ''];
  const [status, body] = known === undefined ? [503, { kind: 'Status' }] : [200, { resources: [known] }];
  json(status, body)(request, response);
};

describe('looking up kinds', () => {
  it('asks only for APIs that the manifests use, so that another one that is away is not in the way', async () => {
    const server = await playServer(answer, answer);
    const client = new KubeClient(server.access);
    const manifest = (apiVersion: string, kind: string): ManifestObject => ({
      object: { apiVersion, kind, metadata: { name: 'web' } },
      source: 'app.yml:1',
    });
    try {
      const manifests = [manifest('v1', 'ConfigMap'), manifest('apps/v1', 'Deployment')];
      const kinds = await discoverKinds(client, manifests, AbortSignal.timeout(5_000));
      assert.deepEqual(
        manifests.map(({ object }) => kinds.of(object).plural),
        ['configmaps', 'deployments'],
      );
      assert.deepEqual(server.requests.toSorted(), ['GET /api/v1', 'GET /apis/apps/v1']);
    } finally {
      await client.close();
      await server.close();
    }
  });
});
