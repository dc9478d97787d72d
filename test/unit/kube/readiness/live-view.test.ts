import assert from 'node:assert/strict';
import type { KubeClient } from '../../../../lib/kube/client/kube-client.ts';
import { PODS } from '../../../../lib/kube/client/resource.ts';
import type { Resource } from '../../../../lib/kube/client/resource.ts';
import { LiveView } from '../../../../lib/kube/readiness/live-view.ts';
import { pod, targetOf } from './cluster-objects.ts';

describe('a live picture of the cluster', () => {
  it('that could not be opened shows everything once it is opened again', async () => {
    let isAway = true;
    const client = {
      list: ({ kind }: Resource) => {
        if (isAway) return Promise.reject(new Error('away'));
        return Promise.resolve({ items: kind === PODS.kind ? [pod('r')] : [], resourceVersion: '1' });
      },
      // Nothing ever changes.
      watch: () => ({ [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }) }),
    };
    const view = new LiveView(client as unknown as KubeClient, () => undefined);
    const { ref } = targetOf(pod('r'));
    await assert.rejects(view.open([ref]), /away/);
    isAway = false;
    await view.open([ref]);
    assert.deepEqual(
      view.around().pods.map(({ metadata }) => metadata.name),
      ['web-1'],
    );
    view.close();
  });
});
