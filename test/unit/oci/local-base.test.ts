import assert from 'node:assert/strict';
import { parseLocalBase } from '../../../lib/oci/local-base.ts';

describe('the name of a base image on this machine', () => {
  for (const [text, kind, path, tag] of [
    ['oci:images/base', 'oci', 'images/base', undefined],
    ['oci:/images/base:1.2', 'oci', '/images/base', '1.2'],
    ['oci:C:\\images\\base:1.2', 'oci', 'C:\\images\\base', '1.2'],
    ['docker-archive:base.tar', 'docker-archive', 'base.tar', undefined],
    ['docker-archive:/a/base.tar:team/app:7', 'docker-archive', '/a/base.tar', 'team/app:7'],
  ] as const) {
    it(`is ${text}`, () => {
      assert.deepEqual(parseLocalBase(text), { kind, path, tag });
    });
  }

  for (const text of ['python:3.12', 'host:5000/oci:1', 'oci/app:1', 'oci:', 'docker-archive']) {
    it(`is not ${text}`, () => {
      assert.equal(parseLocalBase(text), undefined);
    });
  }
});
