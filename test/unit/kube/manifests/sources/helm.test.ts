import assert from 'node:assert/strict';
import { withoutHooks } from '../../../../../lib/kube/manifests/sources/helm-hooks.ts';
import { nestedValues } from '../../../../../lib/kube/manifests/sources/helm-values.ts';
import type { ManifestObject } from '../../../../../lib/kube/manifests/manifest-object.ts';

describe('values of a chart', () => {
  it('are set by their paths, and mean what they would in YAML', () => {
    const values = { 'image.tag': 'v1', 'image.pull\\.policy': 'x', replicas: '2', on: 'true', text: '"2"', empty: '' };
    assert.deepEqual(nestedValues(values), {
      image: { tag: 'v1', 'pull.policy': 'x' },
      replicas: 2,
      on: true,
      text: '2',
      empty: '',
    });
  });

  it('are texts where they would be more than one value in YAML', () => {
    for (const value of ['a: b', '[1, 2]', '{a: 1}', 'x\ny', '*a', '!!int 3']) {
      assert.deepEqual(nestedValues({ a: value }), { a: value });
    }
  });

  it('cannot be items of lists, nor both a value and a group', () => {
    for (const values of [
      { 'a[0]': '1' },
      { '': '1' },
      { 'a..b': '1' },
      { a: '1', 'a.b': '2' },
      { 'a.b': '2', a: '1' },
    ]) {
      assert.throws(() => nestedValues(values), { code: 'CHART_INVALID' }, JSON.stringify(values));
    }
  });

  it('may have names that mean something to JavaScript', () => {
    assert.equal(JSON.stringify(nestedValues({ '__proto__.x': '1' })), '{"__proto__":{"x":1}}');
  });
});

describe('hooks of a chart', () => {
  const object = (name: string, hook?: string): ManifestObject => ({
    source: 'chart:1',
    object: {
      apiVersion: 'batch/v1',
      kind: 'Job',
      metadata: { name, ...(hook === undefined ? {} : { annotations: { 'helm.sh/hook': hook } }) },
    },
  });

  it('are taken out; those that an upgrade would have run are told, tests are not', () => {
    const rendered = [
      object('app'),
      object('test', 'test'),
      object('migrate', 'pre-install, pre-upgrade'),
      object('bye', 'post-delete'),
    ];
    const { objects, notRun } = withoutHooks(rendered);
    assert.deepEqual(objects, [rendered[0]]);
    assert.deepEqual(notRun, ['Job/migrate (pre-install, pre-upgrade)']);
  });
});
