import assert from 'node:assert/strict';
import { describeChange, describeNew } from '../../../../lib/kube/diff/describe.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';

function deployment(container: object, more: object = {}): KubeObject {
  const spec = { replicas: 2, template: { spec: { containers: [{ name: 'app', ...container }], ...more } } };
  return { apiVersion: 'apps/v1', kind: 'Deployment', metadata: { name: 'web' }, spec };
}

function configMap(
  data: Readonly<Record<string, string>>,
  annotations: Readonly<Record<string, string>> = {},
): KubeObject {
  return { apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: 'settings', annotations }, data };
}

function secret(data: Readonly<Record<string, string>>): KubeObject {
  return { ...configMap(data), kind: 'Secret' };
}

const CONTAINERS = 'spec.template.spec.containers';

describe('what will change', () => {
  it('is told field by field, where it is', () => {
    assert.deepEqual(describeChange(deployment({ image: 'app:1' }), deployment({ image: 'app:2', tty: true })), [
      `~ ${CONTAINERS}[app].image: app:1 → app:2`,
      `+ ${CONTAINERS}[app].tty: true`,
    ]);
  });

  it('pairs items of lists by their names, so that one more in front is one change', () => {
    const env = [{ name: 'B', value: 'b' }];
    const more = [{ name: 'A', value: 'a' }, ...env];
    assert.deepEqual(describeChange(deployment({ env }), deployment({ env: more })), [
      `+ ${CONTAINERS}[app].env[A]: {"name":"A","value":"a"}`,
    ]);
  });

  it('tells that only the order differs', () => {
    const [one, two] = [{ name: 'one' }, { name: 'two' }];
    assert.deepEqual(
      describeChange(deployment({}, { initContainers: [one, two] }), deployment({}, { initContainers: [two, one] })),
      ['~ spec.template.spec.initContainers.(order): ["one","two"] → ["two","one"]'],
    );
  });

  it('is nothing where only the server wrote', () => {
    const before = deployment({ image: 'app:1' });
    const metadata = { ...before.metadata, resourceVersion: '7', generation: 3, uid: 'u', managedFields: [{}] };
    assert.deepEqual(describeChange(before, { ...before, metadata, status: { replicas: 2 } }), []);
  });

  it('leaves out the copy that kubectl keeps of the whole', () => {
    const [one, two] = ['1', '2'].map((text) =>
      configMap({}, { 'kubectl.kubernetes.io/last-applied-configuration': text }),
    );
    assert.deepEqual(describeChange(one ?? configMap({}), two ?? configMap({})), []);
  });

  it('shows of a longer text only the lines that differ', () => {
    const before = configMap({ 'app.conf': 'a\nb\nc\nd\n' });
    assert.deepEqual(describeChange(before, configMap({ 'app.conf': 'a\nB\nc\nd\n' })), [
      '~ data."app.conf", from line 2:',
      '    - b',
      '    + B',
    ]);
  });

  it('shows no secret: neither old nor new, neither changed nor added nor whole', () => {
    const shown = [
      ...describeChange(
        secret({ password: 'b2xk', gone: 'Z29uZQ==' }),
        secret({ password: 'bmV3', added: 'YWRkZWQ=' }),
      ),
      ...describeNew(secret({ password: 'bmV3' })),
      ...describeChange(
        deployment({ env: [{ name: 'DB_PASSWORD', value: 'b2xk' }] }),
        deployment({ env: [{ name: 'DB_PASSWORD', value: 'bmV3' }] }),
      ),
      ...describeNew(deployment({ env: [{ name: 'API_KEY', value: 'bmV3' }] })),
      ...describeChange(deployment({}), deployment({ env: [{ name: 'API_KEY', value: 'bmV3' }] })),
      ...describeChange(configMap({ 'db.password': 'b2xk' }), configMap({ 'db.password': 'bmV3' })),
      ...describeChange(secret({ text: 'b2xk\n1' }), secret({ text: 'bmV3\n2' })),
    ];
    assert.doesNotMatch(shown.join('\n'), /b2xk|bmV3|Z29u|YWRk/);
    assert.ok(shown.includes('~ data.password: ***, changed'));
    assert.ok(shown.includes('- data.gone: ***'));
  });

  it('shows what is new as it will be', () => {
    assert.deepEqual(describeNew(configMap({ greeting: 'hello' })), [
      '+ apiVersion: v1',
      '+ kind: ConfigMap',
      '+ metadata:',
      '+   name: settings',
      '+   annotations: {}',
      '+ data:',
      '+   greeting: hello',
    ]);
  });
});
