import assert from 'node:assert/strict';
import { type FoundPackage, type Ingredients, softwareBill } from '../../../lib/supply/sbom.ts';
import { cycloneDxValidator } from '../../support/cyclonedx-schema.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const found = (name: string, rest: Partial<FoundPackage> = {}): FoundPackage => ({
  type: 'pypi',
  name,
  version: '1.0',
  use: 'runtime',
  lockFile: 'requirements.txt',
  ...rest,
});

const INGREDIENTS: Ingredients = {
  image: { name: 'registry.example.com:5000/team/app', digest: digest('a') },
  base: { name: 'docker.io/library/python:3.12-slim', digest: digest('b') },
  model: {
    name: 'digits',
    version: '2.1.0',
    digest: digest('c'),
    uri: 'https://account.blob.core.windows.net/m/digits',
    properties: { accuracy: '0.97', loss: '1e-3', framework: 'numpy' },
    source: {
      repository: 'https://example.com/train',
      commit: '1234567',
      author: 'Ada',
      runUrl: 'https://example.com/run/1',
    },
    layers: [digest('d')],
  },
  packages: [
    found('numpy', { version: '1.26.4' }),
    found('node', { type: 'npm', namespace: '@types', use: 'development', lockFile: 'web/package-lock.json' }),
    found('Flask'),
    found('flask', { use: 'development', lockFile: 'requirements-dev.txt' }),
    found('ms', { type: 'npm', use: 'optional', hash: { algorithm: 'SHA-512', hexadecimal: 'ab'.repeat(64) } }),
  ],
  created: new Date('2026-11-24T01:02:03Z'),
};

describe('a software bill of materials', () => {
  const valid = cycloneDxValidator();
  const bill = softwareBill(INGREDIENTS);
  const named = (name: string) => bill.components.find((component) => component.name === name) ?? assert.fail(name);

  it('is valid by the schema of CycloneDX 1.6, with everything in it and with next to nothing', () => {
    assert.ok(valid(bill), JSON.stringify(valid.errors));
    const bare = softwareBill({ ...INGREDIENTS, base: undefined, model: undefined, packages: [] });
    assert.ok(valid(bare), JSON.stringify(valid.errors));
    const unknown = { name: undefined, version: undefined, digest: undefined, uri: undefined };
    const vague = { ...unknown, properties: {}, source: {}, layers: [] };
    assert.ok(valid(softwareBill({ ...INGREDIENTS, model: vague })), JSON.stringify(valid.errors));
    assert.ok(!valid({ ...bill, serialNumber: 'none' }), 'the schema refuses nothing');
  });

  it('is the same for the same ingredients, in whatever order they come', () => {
    const again = softwareBill({ ...INGREDIENTS, packages: [...INGREDIENTS.packages].reverse() });
    const names = ({ components }: typeof bill): readonly (string | undefined)[] => components.map(({ purl }) => purl);
    assert.deepEqual(names(again), names(bill));
    assert.equal(JSON.stringify(softwareBill(INGREDIENTS)), JSON.stringify(bill));
    assert.equal(bill.metadata.timestamp, '2026-11-24T01:02:03.000Z');
  });

  it('has a serial number of its own for each image', () => {
    assert.match(bill.serialNumber, /^urn:uuid:[0-9a-f]{8}-[0-9a-f]{4}-8[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
    const other = softwareBill({ ...INGREDIENTS, image: { ...INGREDIENTS.image, digest: digest('f') } });
    assert.notEqual(other.serialNumber, bill.serialNumber);
  });

  it('names the image and its base by digest', () => {
    assert.equal(
      bill.metadata.component.purl,
      `pkg:oci/app@sha256%3A${'a'.repeat(64)}?repository_url=registry.example.com%3A5000/team/app`,
    );
    assert.equal(
      named('docker.io/library/python:3.12-slim').purl,
      `pkg:oci/python@sha256%3A${'b'.repeat(64)}?repository_url=docker.io/library/python&tag=3.12-slim`,
    );
    assert.deepEqual(bill.compositions[0], { aggregate: 'incomplete', assemblies: ['base-image'] });
  });

  it('shows the model with its digest, and its numbers as what it achieved', () => {
    const { type, version, hashes, modelCard, externalReferences, authors } = named('digits');
    assert.equal(type, 'machine-learning-model');
    assert.deepEqual(
      [version, hashes, authors],
      ['2.1.0', [{ alg: 'SHA-256', content: 'c'.repeat(64) }], [{ name: 'Ada' }]],
    );
    assert.deepEqual(modelCard, {
      quantitativeAnalysis: {
        performanceMetrics: [
          { type: 'accuracy', value: '0.97' },
          { type: 'loss', value: '1e-3' },
        ],
      },
      properties: [{ name: 'framework', value: 'numpy' }],
    });
    assert.deepEqual(
      externalReferences?.map((reference) => reference.type),
      ['distribution', 'vcs', 'build-system'],
    );
  });

  it('lists each package once, with every lock file that pins it, as needed as its neediest', () => {
    const libraries = bill.components.filter(({ type }) => type === 'library');
    assert.deepEqual(
      libraries.map(({ purl, scope }) => [purl, scope]),
      [
        ['pkg:npm/%40types/node@1.0', 'excluded'],
        ['pkg:npm/ms@1.0', 'optional'],
        ['pkg:pypi/flask@1.0', 'required'],
        ['pkg:pypi/numpy@1.26.4', 'required'],
      ],
    );
    assert.deepEqual(
      libraries[2]?.properties?.map(({ value }) => value),
      ['requirements-dev.txt', 'requirements.txt'],
    );
    assert.deepEqual(libraries[1]?.hashes, [{ alg: 'SHA-512', content: 'ab'.repeat(64) }]);
    assert.deepEqual(new Set(bill.dependencies[0]?.dependsOn), new Set(bill.components.map((one) => one['bom-ref'])));
  });
});
