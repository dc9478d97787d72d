import assert from 'node:assert/strict';
import { parseManifest } from '../../../../lib/kube/manifests/parse.ts';

const HEAD = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n';

/** The message of the refusal that `text` meets. */
function refusalOf(text: string): { readonly message: string; readonly remedy: string } {
  try {
    parseManifest('app.yaml', text);
  } catch (error) {
    const { code, message, remedy } = error as { code: string; message: string; remedy: string };
    assert.equal(code, 'MANIFEST_INVALID');
    return { message, remedy };
  }
  return assert.fail('the manifest was taken');
}

describe('a manifest', () => {
  it('holds any number of documents, and empty ones count for nothing', () => {
    const objects = parseManifest('app.yaml', `---\n# nothing\n---\n${HEAD}---\n---\n${HEAD.replace('a}', 'b}')}`);
    assert.deepEqual(
      objects.map(({ object, source }) => [object.metadata.name, source]),
      [
        ['a', 'app.yaml:4'],
        ['b', 'app.yaml:9'],
      ],
    );
    assert.deepEqual(parseManifest('app.yaml', ''), []);
  });

  it('may be JSON', () => {
    assert.equal(parseManifest('a.json', '{"apiVersion":"v1","kind":"Pod","metadata":{"name":"p"}}').length, 1);
  });

  it('of kind List is taken apart, each item with its own line', () => {
    const items = '- {apiVersion: v1, kind: A, metadata: {name: a}}\n- {apiVersion: v1, kind: B, metadata: {name: b}}';
    const objects = parseManifest('list.yaml', `apiVersion: v1\nkind: List\nitems:\n${items}\n`);
    assert.deepEqual(
      objects.map(({ object, source }) => `${object.kind} ${source}`),
      ['A list.yaml:4', 'B list.yaml:5'],
    );
  });

  it('is read as kubectl reads it: YAML 1.1, without the types that Go does not have', () => {
    const [one] = parseManifest(
      'app.yaml',
      `${HEAD}data: {octal: 0644, yes: yes, time: 22:22, date: 2024-01-01, base: &b {x: 1}, merged: {<<: *b, z: 2}}`,
    );
    assert.deepEqual(one?.object.data, {
      octal: 420,
      true: true,
      time: '22:22',
      date: '2024-01-01',
      base: { x: 1 },
      merged: { x: 1, z: 2 },
    });
  });

  it('that was saved from a cluster loses what only the cluster writes', () => {
    const text = `${HEAD.replace('name: a', 'name: a, uid: u, resourceVersion: "1", creationTimestamp: null')}status: {x: 1}`;
    assert.deepEqual(parseManifest('app.yaml', text)[0]?.object, {
      apiVersion: 'v1',
      kind: 'ConfigMap',
      metadata: { name: 'a' },
    });
  });

  it('may leave labels, annotations and namespace without a value, as templates do: they are not there', () => {
    const empty = HEAD.replace('name: a', 'name: a, labels: , annotations: null, namespace: ""');
    assert.deepEqual(parseManifest('app.yaml', empty)[0]?.object.metadata, { name: 'a' });
    assert.deepEqual(parseManifest('app.yaml', empty.replace('""', 'null'))[0]?.object.metadata, { name: 'a' });
  });

  it('with a key twice is refused at its line', () => {
    assert.match(refusalOf(`${HEAD}kind: Pod\n`).message, /^app\.yaml, line 4, column 1: .*unique/);
  });

  it('with a bomb of aliases is refused at once', () => {
    const level = (name: string, of: string): string => `${name}: &${name} [${Array(10).fill(`*${of}`).join(', ')}]\n`;
    const bomb = `${HEAD}a: &a [x]\n${level('b', 'a')}${level('c', 'b')}${level('d', 'c')}${level('e', 'd')}`;
    assert.match(refusalOf(bomb).message, /alias/i);
  });

  it('without kind, apiVersion or name is refused at the line where the object begins', () => {
    assert.match(refusalOf(`---\n${HEAD}---\nkind: Pod\n`).message, /^app\.yaml, line 6, .*no apiVersion/);
    assert.match(refusalOf('apiVersion: v1\nmetadata: {name: a}').message, /no kind/);
    assert.match(refusalOf('apiVersion: v1\nkind: Pod').message, /a Pod has no metadata\.name/);
    assert.match(refusalOf('apiVersion: v1\nkind: Pod\nmetadata: {generateName: a-}').remedy, /fixed name/);
    assert.match(refusalOf('apiVersion: v1\nkind: Pod\nmetadata: {name: 17}').remedy, /quote/);
    assert.match(refusalOf('- a\n- b').message, /no object/);
  });

  it('that does not parse is refused without quoting what it holds', () => {
    for (const text of ['password: "hunter2\nx: y: z', 'a: [hunter2', '\thunter2', 'a: b\nhunter2\n']) {
      assert.doesNotMatch(refusalOf(text).message, /hunter2/);
    }
  });
});
