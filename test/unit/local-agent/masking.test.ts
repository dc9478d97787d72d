import assert from 'node:assert/strict';
import { SecretMasker } from '../../../tools/agent/masking.ts';

const masked = (secret: string, text: string): string => {
  const masker = new SecretMasker();
  masker.add(secret);
  return masker.mask(text);
};

describe('a secret', () => {
  it('is hidden wherever it stands', () => assert.equal(masked('hunter2', 'a hunter2, hunter2!'), 'a ***, ***!'));
  it('is hidden escaped for a URL', () => assert.equal(masked('a+b/c=', '?sig=a%2Bb%2Fc%3D&x'), '?sig=***&x'));
  it('is hidden escaped for JSON', () => assert.equal(masked('say "no"', '{"p":"say \\"no\\""}'), '{"p":"***"}'));
  it('is hidden as a form field', () => assert.equal(masked('two words+', 'p=two+words%2B'), 'p=***'));
  it('of several lines is hidden line by line', () => {
    assert.equal(masked('first line\nsecond line', '> second line <'), '> *** <');
  });
  it('may look like a pattern', () => assert.equal(masked('.*[', 'abc .*['), 'abc ***'));
  it('that is shorter than three letters stays', () => assert.equal(masked('ab', 'cab'), 'cab'));
  it('that is half a letter does no harm', () => assert.equal(masked('\ud800abc', 'x\ud800abc'), 'x***'));
  it('that contains another is hidden whole', () => {
    const masker = new SecretMasker();
    masker.add('pass');
    masker.add('password');
    assert.equal(masker.mask('password pass'), '*** ***');
  });
});
