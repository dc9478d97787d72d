import assert from 'node:assert/strict';
import { masked } from '../../../lib/agent/masking.ts';

describe('a file that the agent uploads', () => {
  it('shows no secret: neither as it is, nor line by line, nor as JSON writes it', () => {
    const key = 'first "line"\nsecond line';
    const text = `${key} / second line / ${JSON.stringify({ key })}`;
    assert.equal(masked(text, [key]), '*** / *** / {"key":"***"}');
  });

  it('shows nothing of a secret that holds another one', () => {
    assert.equal(masked('sesame-open', ['sesame', 'sesame-open']), '***');
  });

  it('keeps what is too short to be a secret', () => {
    assert.equal(masked('1 of 1: yes', ['1', 'yes', '']), '1 of 1: yes');
  });
});
