import assert from 'node:assert/strict';
import { NO_RECORD } from '../../../../lib/kube/application/record.ts';
import type { ManifestObject } from '../../../../lib/kube/manifests/manifest-object.ts';
import type { ObjectRef } from '../../../../lib/kube/client/resource.ts';
import { beginning, completed, left, undone } from '../../../../lib/kube/rollout/journal.ts';

const RUN = { name: 'shop 1', url: undefined };

function manifest(image: string): ManifestObject {
  const spec = {
    template: { spec: { containers: [{ name: 'app', image }], initContainers: [{ name: 'init', image: 'init:1' }] } },
  };
  return {
    object: { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec },
    source: 'app.yml:1',
  };
}

function ref(name: string, apiVersion = 'apps/v1'): ObjectRef {
  return {
    resource: { apiVersion, kind: 'Deployment', plural: 'deployments', namespaced: true },
    namespace: 'prod',
    name,
  };
}

const DONE = {
  run: RUN,
  manifests: [manifest('app:1')],
  written: [ref('web')],
  removed: [],
  changed: true,
  restores: undefined,
};

describe('the journal of a run', () => {
  it('begins with what is there before, and forgets that when all is put back', () => {
    const begun = beginning(NO_RECORD, RUN, [
      { ref: ref('web'), before: undefined, desired: manifest('app:1').object },
    ]);
    assert.equal(begun.unfinished?.run, RUN);
    assert.deepEqual(undone(begun), NO_RECORD);
  });

  it('ends with a revision that names its images', () => {
    const { revisions, unfinished, objects } = completed(beginning(NO_RECORD, RUN, []), DONE);
    assert.equal(unfinished, undefined);
    assert.deepEqual(objects, [ref('web')]);
    assert.deepEqual(
      revisions.map(({ number, images }) => ({ number, images })),
      [{ number: 1, images: ['app:1', 'init:1'] }],
    );
  });

  it('ends without a new revision where nothing was changed', () => {
    const first = completed(NO_RECORD, DONE);
    assert.equal(completed(first, { ...DONE, changed: false }).revisions.length, 1);
  });

  it('ends with a new revision where the manifests say something else, or somebody had changed the objects', () => {
    const first = completed(NO_RECORD, DONE);
    assert.equal(completed(first, { ...DONE, changed: true }).revisions.length, 2);
    assert.equal(completed(first, { ...DONE, manifests: [manifest('app:2')], changed: false }).revisions.length, 2);
  });

  it('says of a revision that brings another back which one that is', () => {
    const { revisions } = completed(completed(NO_RECORD, DONE), { ...DONE, restores: 1 });
    assert.deepEqual(
      revisions.map(({ number, restores }) => ({ number, restores })),
      [
        { number: 1, restores: undefined },
        { number: 2, restores: 1 },
      ],
    );
  });

  it('forgets what was removed', () => {
    const first = completed(NO_RECORD, { ...DONE, written: [ref('web'), ref('other')] });
    assert.deepEqual(completed(first, { ...DONE, removed: [ref('other')] }).objects, [ref('web')]);
  });

  it('remembers each object once, also those that stay after a failure', () => {
    const first = completed(NO_RECORD, DONE);
    assert.deepEqual(left(first, [ref('web', 'apps/v1beta1'), ref('other')]).objects, [
      ref('web', 'apps/v1beta1'),
      ref('other'),
    ]);
  });
});
