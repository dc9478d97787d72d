import assert from 'node:assert/strict';
import { canaryPods, parseSteps, shareOfRequests } from '../../../../lib/kube/strategies/steps.ts';

describe('the steps of a canary', () => {
  it('are percent that grow', () => {
    assert.deepEqual(parseSteps('10,50,100'), [10, 50, 100]);
    assert.deepEqual(parseSteps(' 5 %, 25% '), [5, 25]);
  });

  for (const text of ['', '0', '50,10', '10,10', '101', '10,,50', 'ten', '1.5', '-5']) {
    it(`are not "${text}"`, () => {
      assert.throws(() => parseSteps(text), { code: 'INPUT_INVALID', message: /The input steps is/ });
    });
  }

  it('have pods by the number of stable ones, rounded up, and never none', () => {
    assert.deepEqual(
      [10, 50, 100].map((percent) => canaryPods(percent, 5)),
      [1, 3, 5],
    );
    assert.equal(canaryPods(1, 1), 1);
    assert.equal(canaryPods(50, 0), 1);
  });

  it('get a share of the requests by their pods', () => {
    assert.equal(shareOfRequests(1, 9), 10);
    assert.equal(shareOfRequests(4, 4), 50);
    assert.equal(shareOfRequests(2, 0), 100);
    assert.equal(shareOfRequests(0, 0), 0);
  });
});
