import assert from 'node:assert/strict';
import { checkTag, formatImage, parseImageName, parseRepositoryName } from '../../../lib/oci/image-name.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('the name of an image', () => {
  it('is read as Docker reads it', () => {
    const cases: Readonly<Record<string, readonly [string, string, (string | undefined)?, string?]>> = {
      'shop.azurecr.io/team/app:1.0': ['shop.azurecr.io', 'team/app', '1.0'],
      'localhost:5000/app': ['localhost:5000', 'app'],
      'localhost/app': ['localhost', 'app'],
      '127.0.0.1:5080/a/b/c': ['127.0.0.1:5080', 'a/b/c'],
      [`shop.example.com/app@${DIGEST}`]: ['shop.example.com', 'app', undefined, DIGEST],
      [`shop.example.com:443/app:x@${DIGEST}`]: ['shop.example.com:443', 'app', 'x', DIGEST],
      'python:3.12-slim': ['docker.io', 'library/python', '3.12-slim'],
      'bitnami/python': ['docker.io', 'bitnami/python'],
      'docker.io/python': ['docker.io', 'library/python'],
      'index.docker.io/bitnami/python': ['docker.io', 'bitnami/python'],
      'Shop.Example.com/app': ['shop.example.com', 'app'],
      '[::1]:5000/app:1': ['[::1]:5000', 'app', '1'],
    };
    for (const [text, [registry, repository, tag, digest]] of Object.entries(cases)) {
      assert.deepEqual(parseImageName(text), { registry, repository, tag, digest }, text);
    }
  });

  it('without a registry belongs to the one that is given', () => {
    const name = { registry: 'shop.example.com', repository: 'team/app' };
    assert.deepEqual(parseRepositoryName('team/app', 'shop.example.com'), name);
    assert.deepEqual(
      parseRepositoryName('other.example.com/team/app', 'shop.example.com').registry,
      'other.example.com',
    );
  });

  it('that cannot be one is refused by what is wrong with it', () => {
    const names = [
      '',
      'Team/App',
      'a//b',
      '/a',
      'a/',
      'a b',
      'https://shop.example.com/app',
      'shop.example.com:port/app',
      '-a',
    ];
    for (const text of [
      ...names,
      `a@sha256:${'a'.repeat(63)}`,
      `a@md5:${'a'.repeat(32)}`,
      `a/${'b'.repeat(255)}`,
      'a\n/b',
    ]) {
      assert.throws(() => parseImageName(text), { code: 'IMAGE_NAME_INVALID' }, text);
    }
    assert.throws(() => parseRepositoryName('shop.example.com/app:1'), { code: 'IMAGE_NAME_INVALID' });
  });

  it('takes the tags that registries take', () => {
    for (const tag of ['1', 'v1.0_rc-1', '_x', 'T'.repeat(128)]) assert.equal(checkTag(tag), tag);
    for (const tag of ['', '.x', '-x', 'a b', 'a/b', 'a:b', 'T'.repeat(129), 'ä', 'a\n']) {
      assert.throws(() => checkTag(tag), { code: 'TAG_INVALID' }, tag);
    }
  });

  it('is written by digest where one is known', () => {
    assert.equal(formatImage(parseImageName(`shop.example.com/app:x@${DIGEST}`)), `shop.example.com/app@${DIGEST}`);
    assert.equal(formatImage(parseImageName('python')), 'docker.io/library/python:latest');
  });
});
