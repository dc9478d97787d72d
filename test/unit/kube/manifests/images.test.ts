import assert from 'node:assert/strict';
import { readImagePaths } from '../../../../lib/kube/manifests/image-paths.ts';
import { readSubstitutions, repositoryOf, substituteImages } from '../../../../lib/kube/manifests/images.ts';
import { namedImages } from '../../../../lib/kube/manifests/named-images.ts';
import type { KubeObject } from '../../../../lib/kube/objects.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

function podSpec(...images: readonly string[]): object {
  return { containers: images.map((image, index) => ({ name: `c${index}`, image })) };
}

function object(kind: string, spec: object): KubeObject {
  return { apiVersion: 'v1', kind, metadata: { name: 'a' }, spec };
}

/** The images of `target` after the lines of the input were put in place. */
function substituted(target: KubeObject, ...lines: readonly string[]): readonly string[] {
  const { objects } = substituteImages([{ object: target, source: 'a.yaml:1' }], readSubstitutions(lines));
  return namedImages(objects.map((one) => one.object));
}

describe('images', () => {
  it('of the same repository are replaced, whatever their tag or digest', () => {
    const pod = object('Pod', podSpec('shop.io/app:1', `shop.io/app@${DIGEST}`, 'shop.io/app', 'shop.io/app2:1'));
    assert.deepEqual(substituted(pod, 'shop.io/app:2'), ['shop.io/app:2', 'shop.io/app2:1']);
  });

  it('are replaced by name=image, also where the registry changes', () => {
    const image = `127.0.0.1:5080/digits@${DIGEST}`;
    assert.deepEqual(substituted(object('Pod', podSpec('digits:latest')), `digits=${image}`), [image]);
  });

  it('are found in every kind: pod templates, job templates, init and ephemeral containers, custom resources', () => {
    const spec = { ...podSpec('app'), initContainers: [{ image: 'app' }], ephemeralContainers: [{ image: 'app' }] };
    for (const place of [
      spec,
      { template: { spec } },
      { jobTemplate: { spec: { template: { spec } } } },
      { predictor: spec },
    ]) {
      assert.deepEqual(substituted(object('Any', place), 'app:2'), ['app:2']);
    }
  });

  it('are left alone where the word only looks like an image', () => {
    const crd = object('CustomResourceDefinition', { properties: { containers: { image: 'app', type: 'array' } } });
    const config = { ...object('ConfigMap', {}), data: { image: 'app' } };
    for (const one of [crd, config]) {
      const { objects, unmatched } = substituteImages(
        [{ object: one, source: 'a.yaml:1' }],
        readSubstitutions(['app:2']),
      );
      assert.deepEqual(objects[0]?.object, one);
      assert.equal(unmatched.length, 1);
    }
  });

  it('that matched nothing are told', () => {
    const target = { object: object('Pod', podSpec('app')), source: 'a.yaml:1' };
    const { unmatched } = substituteImages([target], readSubstitutions(['app:2', 'other:3']));
    assert.deepEqual(
      unmatched.map(({ line }) => line),
      ['other:3'],
    );
  });

  it('are compared with the defaults of Docker Hub written out', () => {
    assert.equal(repositoryOf('nginx:1'), 'docker.io/library/nginx');
    assert.equal(repositoryOf('index.docker.io/nginx'), 'docker.io/library/nginx');
    assert.equal(repositoryOf('me/app'), 'docker.io/me/app');
    assert.equal(repositoryOf('127.0.0.1:5080/app:1'), '127.0.0.1:5080/app');
    assert.equal(repositoryOf('localhost/app'), 'localhost/app');
  });

  it('of custom resources are replaced where a path leads, and nowhere else', () => {
    const server = (apiVersion: string): KubeObject => ({
      apiVersion,
      kind: 'ModelServer',
      metadata: { name: 'a' },
      spec: {
        image: 'app:1',
        workers: [{ image: 'app:1' }, { 'image.name': 'app:1', image: 'other:1' }],
        other: 'app:1',
      },
    });
    const paths = readImagePaths([
      "ModelServer.example.com: $.spec['workers'][*].image",
      'ModelServer.example.com = .spec.workers[1]["image.name"]',
    ]);
    const objects = [server('example.com/v1'), server('other.com/v1')].map((one) => ({
      object: one,
      source: 'a.yaml:1',
    }));
    const substituted = substituteImages(objects, readSubstitutions(['app:2']), paths);
    assert.deepEqual(substituted.deadPaths, []);
    assert.deepEqual(substituted.objects[0]?.object.spec, {
      image: 'app:1',
      workers: [{ image: 'app:2' }, { 'image.name': 'app:2', image: 'other:1' }],
      other: 'app:1',
    });
    assert.deepEqual(substituted.objects[1], objects[1]);
  });

  it('are told of paths that lead to none', () => {
    const paths = readImagePaths(['Pod: $.spec.nothing', 'Pod: $.spec.containers', 'Other: $.spec.image']);
    const { deadPaths } = substituteImages([{ object: object('Pod', podSpec('app')), source: 'a.yaml:1' }], [], paths);
    assert.deepEqual(deadPaths, paths);
  });

  it('are not looked for along a path that is none', () => {
    for (const line of [
      '$.spec.image',
      'Pod',
      'Pod:',
      'Pod: $',
      'pod: $.spec',
      'Pod: spec.image',
      'Pod: $..image',
      'Pod: $.a[?(@.b)]',
      'Pod: $.a[',
    ]) {
      assert.throws(() => readImagePaths([line]), { code: 'IMAGE_PATH_INVALID' }, line);
    }
  });

  it('that cannot be images are refused with the place where they stand', () => {
    const invalid = { code: 'IMAGE_NAME_INVALID' };
    for (const line of ['app:$(tag)', 'app=', '=app', 'App:1', 'app@sha256:12', 'a b']) {
      assert.throws(() => readSubstitutions([line]), invalid, line);
    }
    assert.throws(() => substituted(object('Pod', podSpec('#{image}#'))), { ...invalid, message: /^a\.yaml:1 has/ });
    assert.throws(() => readSubstitutions(['app:1', 'docker.io/library/app:2']), invalid);
  });
});
