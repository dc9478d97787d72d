import assert from 'node:assert/strict';
import { imageUrl, packageUrl } from '../../../lib/supply/package-url.ts';

describe('a package URL', () => {
  // The examples of the purl specification and of its types.
  for (const [url, parts] of [
    ['pkg:pypi/django@1.11.1', { type: 'pypi', name: 'Django', version: '1.11.1' }],
    ['pkg:pypi/django-package@1.11.1.dev1', { type: 'pypi', name: 'Django_package', version: '1.11.1.dev1' }],
    [
      'pkg:npm/%40angular/animation@12.3.1',
      { type: 'npm', namespace: '@angular', name: 'animation', version: '12.3.1' },
    ],
    [
      'pkg:conda/absl-py@0.4.1?build=py36h06a4308_0&channel=main',
      { type: 'conda', name: 'absl-py', version: '0.4.1', qualifiers: { channel: 'main', build: 'py36h06a4308_0' } },
    ],
    [
      'pkg:oci/debian@sha256%3A244fd47e07d10?repository_url=docker.io/library/debian&tag=latest',
      {
        type: 'oci',
        name: 'debian',
        version: 'sha256:244fd47e07d10',
        qualifiers: { tag: 'latest', repository_url: 'docker.io/library/debian' },
      },
    ],
    ['pkg:pypi/torch@2.1.0%2Bcu118', { type: 'pypi', name: 'torch', version: '2.1.0+cu118' }],
  ] as const) {
    it(url, () => assert.equal(packageUrl(parts), url));
  }

  it('of an image is the same by whatever it is called', () => {
    const digest = `sha256:${'a'.repeat(64)}`;
    const url = `pkg:oci/base@sha256%3A${'a'.repeat(64)}?repository_url=shop.example.com/team/base`;
    assert.equal(imageUrl({ name: `shop.example.com/team/base@${digest}`, digest }), url);
    assert.equal(imageUrl({ name: 'shop.example.com/team/base', digest }), url);
    assert.equal(imageUrl({ name: 'shop.example.com/team/base:7', digest }), `${url}&tag=7`);
  });

  it('is not made up for an image that is in no repository', () => {
    for (const name of ['a base on the agent', 'built from app/Dockerfile', 'local']) {
      assert.equal(imageUrl({ name, digest: 'sha256:aa' }), undefined);
    }
  });
});
