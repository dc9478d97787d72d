import assert from 'node:assert/strict';
import {
  checkBucket,
  checkEndpoint,
  checkRegion,
  type S3Keys,
  secretsOf,
} from '../../../lib/model/stores/s3-access.ts';

const KEYS: S3Keys = {
  kind: 'keys',
  accessKeyId: 'AKIAEXAMPLE',
  secretAccessKey: 'se/cret+key',
  sessionToken: 'to/ken==',
};

describe('a bucket', () => {
  it('has a name that S3 allows, an alias of an access point or a directory bucket included', () => {
    for (const name of ['models', 'a.b-c.1', 'models-x1y2-s3alias', 'models--use1-az4--x-s3'])
      assert.equal(checkBucket(name), name);
    for (const name of ['Models', 'ab', 'a..b', '-models', 's3://models', 'models/prod', 'x'.repeat(64)]) {
      assert.throws(() => checkBucket(name), { code: 'STORE_ADDRESS_INVALID' });
    }
  });
});

describe('an endpoint of S3', () => {
  it('is the root of a store, with or without a slash', () => {
    assert.equal(checkEndpoint('https://minio.example.com:9000/'), 'https://minio.example.com:9000');
    assert.equal(checkEndpoint('http://127.0.0.1:9000'), 'http://127.0.0.1:9000');
    assert.equal(checkEndpoint('https://gateway.example.com/s3/'), 'https://gateway.example.com/s3');
  });

  it('that is none, or carries keys, is refused without repeating them', () => {
    for (const text of [
      'minio.example.com',
      's3://models',
      'https://user:hunter2@minio.example.com',
      'https://x/?a=b',
    ]) {
      assert.throws(
        () => checkEndpoint(text),
        (error: Error & { code?: string }) =>
          error.code === 'STORE_ADDRESS_INVALID' && !error.message.includes('hunter2'),
      );
    }
  });
});

describe('a region', () => {
  it('is a code, whoever names it', () => {
    for (const name of ['eu-central-1', 'us-gov-west-1', 'auto', 'default']) assert.equal(checkRegion(name), name);
    for (const name of ['Frankfurt', 'eu central', 'a/b', '']) {
      assert.throws(() => checkRegion(name), { code: 'STORE_ADDRESS_INVALID' });
    }
  });
});

describe('a credential of S3', () => {
  it('is hidden in every spelling, except its id, which is a name', () => {
    assert.deepEqual(secretsOf(KEYS), ['se/cret+key', 'se%2Fcret%2Bkey', 'to/ken==', 'to%2Fken%3D%3D']);
    const role = { kind: 'role', arn: 'a', sessionName: 's', externalId: 'agreed', hide: () => undefined } as const;
    assert.deepEqual(secretsOf({ ...role, by: KEYS }), [...secretsOf(KEYS), 'agreed']);
    assert.deepEqual(secretsOf({ kind: 'anonymous' }), []);
  });
});
