import assert from 'node:assert/strict';
import { differenceOf, EXACTLY, parseTolerance } from '../../../lib/probe/same.ts';

describe('what came and what is expected', () => {
  it('are the same whatever the order of keys', () => {
    assert.equal(differenceOf({ a: 1, b: [true, null] }, { b: [true, null], a: 1 }, EXACTLY), undefined);
  });

  it('may differ by a tolerance in any number, by either measure', () => {
    const tenth = { absolute: 0.1, relative: 0 };
    assert.equal(differenceOf({ a: [0.91] }, { a: [1] }, tenth), undefined);
    assert.equal(differenceOf({ a: [0.89] }, { a: [1] }, tenth), 'at .a[0] 0.89 is not 1 ± 0.1');
    assert.equal(differenceOf(995, 1000, { absolute: 0, relative: 0.01 }), undefined);
    assert.equal(differenceOf(980, 1000, { absolute: 0, relative: 0.01 }), '980 is not 1000 ± 1 %');
  });

  for (const [actual, expected, difference] of [
    [2, '2', '2 is not "2"'],
    [null, 0, 'null is not 0'],
    [[1], [1, 2], '1 items are not 2'],
    [{ a: 1 }, { a: 1, b: 2 }, 'at .b nothing is not 2'],
    [{ a: 1, b: 2 }, { a: 1 }, 'at .b 2 is not nothing'],
    [{}, { constructor: 1 }, 'at .constructor nothing is not 1'],
    [[], {}, '[] is not {}'],
  ] as const) {
    it(`differ: ${difference}`, () => assert.equal(differenceOf(actual, expected, EXACTLY), difference));
  }
});

describe('a tolerance', () => {
  it('is a number, or a share in percent', () => {
    assert.deepEqual(parseTolerance('0.01'), { absolute: 0.01, relative: 0 });
    assert.deepEqual(parseTolerance('1e-6'), { absolute: 1e-6, relative: 0 });
    assert.deepEqual(parseTolerance('2.5 %'), { absolute: 0, relative: 0.025 });
    for (const text of ['-1', 'a', '1 m', '%', '.5']) assert.equal(parseTolerance(text), undefined);
  });
});
