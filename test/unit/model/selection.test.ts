import assert from 'node:assert/strict';
import { tagExpression, wantedBy } from '../../../lib/model/selection.ts';

describe('the text for a version', () => {
  it('is a name as long as it can be one', () => {
    for (const version of ['2.1.0', '1.x', 'latest', '20261124.3', '1.0.0-rc.1+b']) {
      assert.deepEqual(wantedBy(version), { version });
    }
  });

  it('is a range where it has a sign that no name holds', () => {
    for (const range of ['^2.1', '~2', '>=1 <3', '*', '1 - 2', '1.0 || 3.x', '=2.0.0']) {
      assert.deepEqual(wantedBy(range), { range });
    }
  });

  it('is a digest where it says so', () => {
    const digest = `sha256:${'0a'.repeat(32)}`;
    assert.deepEqual(wantedBy(digest.toUpperCase()), { digest });
    assert.throws(() => wantedBy('sha256:abc'), { code: 'DIGEST_INVALID' });
  });

  it('is refused where it is none of them', () => {
    for (const text of ['../1', '^new', 'a b', '1/2']) assert.throws(() => wantedBy(text), { code: 'NAME_INVALID' });
  });
});

describe('a filter for tags', () => {
  it('may be short', () => {
    assert.equal(tagExpression('stage=production'), `"stage" = 'production'`);
    assert.equal(tagExpression('stage = production, team=vision'), `"stage" = 'production' AND "team" = 'vision'`);
    assert.equal(tagExpression('a=1 && b=2'), `"a" = '1' AND "b" = '2'`);
  });

  it('may be what Azure understands', () => {
    const expression = `"stage" >= 'a' AND "stage" < 'b'`;
    assert.equal(tagExpression(expression), expression);
  });

  it('is refused where it is neither', () => {
    for (const text of ['production', 'stage>production', 'a=b=c', 'a=1,']) {
      assert.throws(() => tagExpression(text), { code: 'TAG_FILTER_INVALID' }, text);
    }
  });
});
