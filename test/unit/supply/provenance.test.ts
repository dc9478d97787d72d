import assert from 'node:assert/strict';
import { generateKeyPairSync, verify } from 'node:crypto';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { signedPayload } from '../../../lib/supply/cosign.ts';
import { envelopeAround, signedStatement } from '../../../lib/supply/dsse.ts';
import { BUILD_TYPE, type Making, provenanceOf } from '../../../lib/supply/provenance.ts';
import { readSigningKey } from '../../../lib/supply/signing-key.ts';

const digest = (letter: string): string => `sha256:${letter.repeat(64)}`;
const MAKING: Making = {
  image: { name: 'registry.example.com/team/app', digest: digest('a') },
  base: { name: 'docker.io/library/python:3.12', digest: digest('b') },
  model: {
    name: 'digits',
    version: '2.1.0',
    digest: digest('c'),
    uri: 'https://store.example.com/digits',
    properties: {},
    source: {},
    layers: [],
  },
  source: { repository: 'https://example.com/app', ref: 'refs/heads/main', commit: '1'.repeat(40) },
  inputs: { baseImage: 'python:3.12' },
  run: {
    collection: 'https://dev.azure.com/shop/',
    url: 'https://dev.azure.com/shop/p/_build/results?buildId=7',
    details: {},
  },
};

/** The fields that SLSA 1.0 and in-toto name, for there is no official JSON schema: what is not here must not be there. */
const FIELDS = {
  statement: ['_type', 'subject', 'predicateType', 'predicate'],
  predicate: ['buildDefinition', 'runDetails'],
  buildDefinition: ['buildType', 'externalParameters', 'internalParameters', 'resolvedDependencies'],
  runDetails: ['builder', 'metadata', 'byproducts'],
  resource: ['name', 'uri', 'digest', 'content', 'downloadLocation', 'mediaType', 'annotations'],
};

interface Predicate {
  readonly buildDefinition: {
    readonly externalParameters: object;
    readonly resolvedDependencies: readonly {
      readonly name: string;
      readonly uri?: string;
      readonly digest?: object;
    }[];
  };
  readonly runDetails: { readonly builder: { readonly id: string }; readonly metadata: object };
}

function only(value: object, fields: readonly string[]): void {
  assert.deepEqual(
    Object.keys(value).filter((key) => !fields.includes(key)),
    [],
  );
}

describe('the provenance of an image', () => {
  const statement = provenanceOf(MAKING);
  const predicate = statement.predicate as Predicate;

  it('is SLSA provenance 1 in an in-toto statement about its digest', () => {
    only(statement, FIELDS.statement);
    only(predicate, FIELDS.predicate);
    only(predicate.buildDefinition, FIELDS.buildDefinition);
    only(predicate.runDetails, FIELDS.runDetails);
    for (const dependency of predicate.buildDefinition.resolvedDependencies) only(dependency, FIELDS.resource);
    assert.equal(statement._type, 'https://in-toto.io/Statement/v1');
    assert.equal(statement.predicateType, 'https://slsa.dev/provenance/v1');
    assert.deepEqual(statement.subject, [{ name: MAKING.image.name, digest: { sha256: 'a'.repeat(64) } }]);
  });

  it('names everything that went in, by digest', () => {
    assert.deepEqual(predicate.buildDefinition.resolvedDependencies, [
      { name: 'app', uri: 'git+https://example.com/app@refs/heads/main', digest: { gitCommit: '1'.repeat(40) } },
      {
        name: 'base',
        uri: `pkg:oci/python@sha256%3A${'b'.repeat(64)}?repository_url=docker.io/library/python&tag=3.12`,
        digest: { sha256: 'b'.repeat(64) },
      },
      { name: 'digits 2.1.0', uri: 'https://store.example.com/digits', digest: { sha256: 'c'.repeat(64) } },
    ]);
    assert.deepEqual(predicate.buildDefinition.externalParameters, {
      repository: 'https://example.com/app',
      ref: 'refs/heads/main',
      inputs: { baseImage: 'python:3.12' },
    });
  });

  it('says which organisation and which run made it', () => {
    assert.equal(predicate.runDetails.builder.id, 'https://dev.azure.com/shop/');
    assert.deepEqual(predicate.runDetails.metadata, { invocationId: MAKING.run.url });
  });

  it('is read by a page that exists, at a heading that exists', () => {
    const [, page = '', heading = ''] = /main\/(docs\/[\w-]+\.md)#([\w-]+)$/.exec(BUILD_TYPE) ?? [];
    const file = join(import.meta.dirname, '..', '..', '..', page);
    assert.ok(existsSync(file), page);
    const headings = [...readFileSync(file, 'utf8').matchAll(/^#+ (.+)$/gm)].map(([, text = '']) =>
      text
        .toLowerCase()
        .replaceAll(/[^\w -]/g, '')
        .replaceAll(' ', '-'),
    );
    assert.ok(headings.includes(heading) && headings.includes('builder'), headings.join(', '));
  });

  it('signed, is an envelope whose signature covers type and payload', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
    const key = await readSigningKey(privateKey.export({ type: 'pkcs8', format: 'pem' }).toString());
    const bytes = envelopeAround(statement, key);
    const { payloadType, payload, signatures } = JSON.parse(bytes.toString()) as {
      readonly payloadType: string;
      readonly payload: string;
      readonly signatures: readonly { readonly sig: string }[];
    };
    assert.equal(payloadType, 'application/vnd.in-toto+json');
    const body = Buffer.from(payload, 'base64').toString();
    assert.deepEqual(JSON.parse(body), JSON.parse(JSON.stringify(statement)));
    const encoded = Buffer.from(`DSSEv1 ${payloadType.length} ${payloadType} ${Buffer.byteLength(body)} ${body}`);
    assert.ok(verify('sha256', encoded, publicKey, Buffer.from(signatures[0]?.sig ?? '', 'base64')));
    assert.deepEqual(signedStatement(bytes, key), JSON.parse(body));
    const changed = Buffer.from(bytes.toString().replace(payload, Buffer.from('{}').toString('base64')));
    assert.equal(signedStatement(changed, key), undefined);
    assert.equal(signedStatement(Buffer.from('no envelope'), key), undefined);
  });
});

describe('what a cosign signature signs', () => {
  it('is the payload that cosign makes, byte for byte', () => {
    assert.equal(
      signedPayload(MAKING.image).toString(),
      `{"critical":{"identity":{"docker-reference":"registry.example.com/team/app"},"image":{"docker-manifest-digest":"${digest('a')}"},"type":"cosign container image signature"},"optional":null}`,
    );
  });
});
