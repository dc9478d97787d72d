import assert from 'node:assert/strict';
import { keepingLineage, withImageFacts, withRunFacts } from '../../../../lib/kube/manifests/lineage.ts';
import type { ImageFacts } from '../../../../lib/kube/manifests/lineage.ts';
import { podTemplatesOf } from '../../../../lib/kube/manifests/pod-templates.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';
import { isSameContent } from '../../../../lib/kube/rollout/content.ts';

const IMAGE = `shop.io/digits@sha256:${'a'.repeat(64)}`;
const FACTS: ImageFacts = {
  'model-delivery.image.digest': `sha256:${'a'.repeat(64)}`,
  'model-delivery.model.name': 'digits',
  'model-delivery.model.version': '1.2.0+build',
};
const factsOf = (image: string): ImageFacts | undefined => (image === IMAGE ? FACTS : undefined);
const RUN = { name: 'shop 20261125.1', url: 'https://dev.azure.com/x', commit: 'abc' };

function deployment(changes: { readonly image?: string; readonly replicas?: number } = {}): KubeObject {
  const { image = IMAGE, replicas = 1 } = changes;
  const template = {
    metadata: { labels: { app: 'web' }, annotations: { mine: 'x' } },
    spec: {
      containers: [
        { name: 'app', image },
        { name: 'proxy', image: 'envoy:1' },
      ],
    },
  };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec: { replicas, template } };
}

/** What one run after another writes: the server takes everything as it is given. */
function written(desired: KubeObject, run: typeof RUN, before?: KubeObject, facts = factsOf): KubeObject {
  const noted = withRunFacts(withImageFacts(desired, facts), run);
  return before === undefined ? noted : keepingLineage(noted, before, noted, isSameContent);
}

describe('lineage', () => {
  it('stands on a workload with the run, and on its pods with what is in their images', () => {
    const { metadata, spec } = written(deployment(), RUN);
    assert.deepEqual(metadata.annotations, {
      ...FACTS,
      'model-delivery.run': RUN.name,
      'model-delivery.run.url': RUN.url,
      'model-delivery.commit': 'abc',
    });
    const { template } = spec as { readonly template: { readonly metadata: object } };
    assert.deepEqual(template.metadata, {
      annotations: { mine: 'x', ...FACTS },
      // A version that no label can hold is an annotation alone.
      labels: { app: 'web', 'model-delivery.model.name': 'digits' },
    });
  });

  it('stands on nothing but workloads, and on pods only where something is known', () => {
    const config = { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'a' }, data: { image: IMAGE } };
    assert.deepEqual(written(config, RUN), config);
    assert.deepEqual(withImageFacts(deployment({ image: 'other:1' }), factsOf), deployment({ image: 'other:1' }));
  });

  it('reaches pods wherever a kind keeps them, where there is room for it', () => {
    const podSpec = { containers: [{ image: IMAGE }] };
    const noted = (apiVersion: string, kind: string, spec: object): boolean => {
      const object = withImageFacts({ apiVersion, kind, metadata: { name: 'a' }, spec }, factsOf);
      assert.equal(object.metadata.annotations?.['model-delivery.model.name'], 'digits');
      return [...podTemplatesOf(object).values()].every(
        ({ metadata }) => metadata?.annotations?.['model-delivery.model.name'] === 'digits',
      );
    };
    assert.ok(noted('v1', 'Pod', podSpec));
    assert.ok(noted('batch/v1', 'CronJob', { jobTemplate: { spec: { template: { spec: podSpec } } } }));
    assert.ok(noted('argoproj.io/v1alpha1', 'Rollout', { template: { metadata: {}, spec: podSpec } }));
    assert.ok(!noted('example.com/v1', 'ModelServer', { roles: [{ spec: podSpec }] }));
    assert.ok(!noted('batch/v1', 'Job', { template: { spec: podSpec } }));
  });

  it('of an unchanged workload is that of the run before, so nothing is written', () => {
    const first = written(deployment(), RUN);
    const second = written(deployment(), { ...RUN, name: 'shop 20261126.1', commit: 'def' }, first);
    assert.deepEqual(second, first);
  });

  it('never makes pods anew by itself, whatever is known this time', () => {
    const first = written(deployment(), RUN);
    assert.deepEqual(
      written(deployment(), RUN, first, () => undefined),
      first,
    );
    const old = deployment();
    assert.deepEqual(written(deployment(), RUN, old), old);
  });

  it('of a workload whose pods stay tells of the run that changed it, and leaves the pods alone', () => {
    const first = written(deployment(), RUN);
    const second = written(deployment({ replicas: 2 }), { ...RUN, name: 'later' }, first, () => undefined);
    assert.equal(second.metadata.annotations?.['model-delivery.run'], 'later');
    assert.deepEqual(podTemplatesOf(second), podTemplatesOf(first));
  });

  it('does not mind a template that leaves labels and annotations without a value', () => {
    const spec = { containers: [{ image: IMAGE }] };
    const text = JSON.stringify({
      apiVersion: 'apps/v1',
      kind: 'Deployment',
      metadata: { name: 'web' },
      spec: { template: { metadata: { labels: null, annotations: null }, spec } },
    });
    const desired = JSON.parse(text) as KubeObject;
    const first = written(deployment(), RUN);
    const kept = written(desired, RUN, first, () => undefined);
    assert.equal(kept.metadata.annotations?.['model-delivery.run'], RUN.name);
  });

  it('goes with the image', () => {
    const first = written(deployment(), RUN);
    const second = written(deployment({ image: 'shop.io/digits:2' }), { ...RUN, name: 'later' }, first);
    assert.deepEqual(podTemplatesOf(second), podTemplatesOf(deployment({ image: 'shop.io/digits:2' })));
    assert.deepEqual(Object.keys(second.metadata.annotations ?? {}).sort(), [
      'model-delivery.commit',
      'model-delivery.run',
      'model-delivery.run.url',
    ]);
  });
});
