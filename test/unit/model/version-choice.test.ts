import assert from 'node:assert/strict';
import { versionChoice, versionOfDigest } from '../../../lib/model/version-choice.ts';

describe('the version to publish under', () => {
  it('is the one given, else the number of the run', () => {
    assert.equal(versionChoice('2.1.0', '20261125.7'), '2.1.0');
    assert.equal(versionChoice(undefined, '20261125.7'), '20261125.7');
    assert.throws(() => versionChoice('a/b', undefined), { code: 'NAME_INVALID' });
  });

  it('is made where a word says so', () => {
    assert.deepEqual(versionChoice('minor', '1'), { by: 'bump', part: 'minor' });
    assert.deepEqual(versionChoice('digest', '1'), { by: 'digest' });
    assert.equal(versionChoice('Minor', '1'), 'Minor');
  });

  it('of a digest is its first 12 digits', () => {
    assert.equal(versionOfDigest(`sha256:0123456789ab${'f'.repeat(52)}`), '0123456789ab');
  });
});
