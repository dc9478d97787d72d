import assert from 'node:assert/strict';
import { checkName, checkPrefix, versionOfText, versionOfTime, versionOrMade } from '../../../lib/model/names.ts';

const invalid = { code: 'NAME_INVALID' };

describe('names in a model store', () => {
  it('are letters, digits and a few signs', () => {
    for (const name of ['digits', '1.2.0', '2026.11.24_rc+1', 'A', 'x'.repeat(128)]) {
      assert.equal(checkName('version', name), name);
    }
  });

  it('cannot leave their folder or confuse a URL', () => {
    for (const name of ['', '..', '.hidden', 'a/b', 'a\\b', 'a b', 'a%2Fb', 'ä', 'a.', 'a\n', 'x'.repeat(129)]) {
      assert.throws(() => checkName('model', name), invalid, JSON.stringify(name));
    }
  });

  it('say in their error what they should have named', () => {
    assert.throws(() => checkName('channel', 'a b'), { ...invalid, message: '"a b" cannot be the name of a channel.' });
  });
});

describe('the prefix of a model store', () => {
  it('is some folders, whichever slashes stand around them', () => {
    assert.equal(checkPrefix('/team/models/'), 'team/models');
    assert.equal(checkPrefix(''), '');
  });

  it('cannot leave its container', () => {
    for (const prefix of ['../other', 'a//b', 'a/../b']) assert.throws(() => checkPrefix(prefix), invalid);
  });
});

describe('a version that nobody named', () => {
  it("is the run's number, with what a version cannot hold replaced", () => {
    assert.equal(versionOrMade(undefined, '20261124.3'), '20261124.3');
    assert.equal(versionOrMade(undefined, 'train (main) #7'), 'train-main-7');
    assert.equal(versionOrMade('1.0', '20261124.3'), '1.0');
  });

  it('is a good name whatever the number is made of', () => {
    for (const text of ['..a..', '-', 'ä1ö', `${'y'.repeat(127)}. x`]) {
      const version = versionOfText(text);
      if (version !== '') assert.equal(checkName('version', version), version);
    }
  });

  it('is the time where there is no number, and sorts as it was made', () => {
    assert.equal(versionOfTime(new Date('2026-11-24T02:15:17.345Z')), '20261124T021517Z');
    assert.match(versionOrMade(undefined, undefined), /^\d{8}T\d{6}Z$/);
    assert.match(versionOrMade(undefined, '###'), /^\d{8}T\d{6}Z$/);
  });
});
