import assert from 'node:assert/strict';
import { tagFilter } from '../../../lib/oci/newest/tag-filter.ts';

const TAGS = ['1', 'v1.2.3', 'v2.0.0-rc.1', 'main-7', 'latest'];

describe('patterns of tags', () => {
  for (const [include, exclude, expected] of [
    [[], [], ['1', 'v1.2.3', 'v2.0.0-rc.1', 'main-7', 'latest']],
    [['v*'], [], ['v1.2.3', 'v2.0.0-rc.1']],
    [['v*'], ['*-rc*'], ['v1.2.3']],
    [['v[0-9].*', 'main-?'], [], ['v1.2.3', 'v2.0.0-rc.1', 'main-7']],
    [['{latest,1}'], [], ['1', 'latest']],
    [['!latest'], [], []],
    [['*'], ['latest'], ['1', 'v1.2.3', 'v2.0.0-rc.1', 'main-7']],
  ] as const) {
    it(`${include.join(' ') || 'none'}, without ${exclude.join(' ') || 'nothing'}, mean ${expected.join(', ') || 'no tag'}`, () => {
      assert.deepEqual(TAGS.filter(tagFilter(include, exclude)), expected);
    });
  }
});
