import assert from 'node:assert/strict';
import { createDispatcher } from '../../../lib/http/dispatcher.ts';
import { registryBase } from '../../../lib/oci/base-source.ts';
import { parseImageName } from '../../../lib/oci/image-name.ts';
import { RegistryClient } from '../../../lib/oci/registry-client.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;

describe('a base image in a registry', () => {
  const dispatcher = createDispatcher();
  after(() => dispatcher.destroy());

  const labelOf = (given: string): string | undefined => {
    const image = parseImageName(given);
    return registryBase(new RegistryClient({ registry: image.registry, dispatcher }), image).publicName;
  };

  it('is called in the label of an image by the tag that it was given', () => {
    assert.equal(labelOf('python'), 'docker.io/library/python:latest');
    assert.equal(labelOf('shop.example.com/team/base:3.12'), 'shop.example.com/team/base:3.12');
    assert.equal(labelOf(`shop.example.com/team/base:3.12@${DIGEST}`), 'shop.example.com/team/base:3.12');
  });

  it('is called there by its digest where it was given no tag', () => {
    assert.equal(labelOf(`shop.example.com/team/base@${DIGEST}`), `shop.example.com/team/base@${DIGEST}`);
  });
});
