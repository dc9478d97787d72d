import assert from 'node:assert/strict';
import { highestTags } from '../../../lib/oci/earlier-images.ts';

describe('the tags to look for an earlier image under', () => {
  it('are latest, then those with the highest numbers, and never those of signatures', () => {
    const signature = `sha256-${'a'.repeat(64)}`;
    assert.deepEqual(highestTags(['9', '10', signature, '2', `${signature}.sig`]), ['10', '9', '2']);
    assert.deepEqual(highestTags(['1.9.0', 'latest', '1.10.0']), ['latest', '1.10.0', '1.9.0']);
    assert.deepEqual(highestTags([]), []);
  });
});
