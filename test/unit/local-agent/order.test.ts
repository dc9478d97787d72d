import assert from 'node:assert/strict';
import { inOrder } from '../../../tools/agent/order.ts';

const names = (...items: readonly (readonly [string, ...string[]])[]): readonly string[] =>
  inOrder(
    items.map(([name, ...dependsOn]) => ({ name, dependsOn })),
    (_, problem) => {
      throw new Error(problem);
    },
  ).map(({ name }) => name);

describe('jobs and stages', () => {
  it('run after what they depend on', () => assert.deepEqual(names(['c', 'B'], ['b', 'a'], ['a']), ['a', 'b', 'c']));
  it('keep the order of the file otherwise', () => assert.deepEqual(names(['b'], ['a'], ['c', 'b']), ['b', 'a', 'c']));
  it('that depend on nobody known are refused', () => assert.throws(() => names(['a', 'x']), /a depends on x, which/));
  it('that wait for one another are refused', () => {
    assert.throws(() => names(['a', 'b'], ['b', 'a'], ['c']), /a, b wait for one another/);
  });
});
