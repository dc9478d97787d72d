import assert from 'node:assert/strict';
import type { Outcome } from '../../../tools/agent/outcome.ts';
import { worstOf } from '../../../tools/agent/outcome.ts';
import { dependencyStatus, stepStatus } from '../../../tools/agent/status.ts';

const JOBS = [
  { name: 'a', dependsOn: [] },
  { name: 'b', dependsOn: ['a'] },
  { name: 'c', dependsOn: ['B'] },
];
const statusOfC = (a: Outcome, b: Outcome, isCanceled = false) =>
  dependencyStatus(
    { name: 'c', dependsOn: ['B'] },
    JOBS,
    new Map([
      ['a', a],
      ['b', b],
    ]),
    isCanceled,
  );

describe('what went before', () => {
  it('has succeeded also with issues', () => {
    assert.equal(statusOfC('Succeeded', 'SucceededWithIssues').succeeded([]), true);
    assert.equal(stepStatus('SucceededWithIssues', false).succeeded([]), true);
  });

  it('counts as far back as dependencies go', () => {
    assert.equal(statusOfC('Failed', 'Succeeded').failed([]), true);
    assert.equal(statusOfC('Failed', 'Succeeded').succeeded([]), false);
    assert.equal(statusOfC('Failed', 'Succeeded').succeeded(['b']), true);
  });

  it('has not succeeded where it was skipped', () => {
    assert.equal(statusOfC('Succeeded', 'Skipped').succeeded([]), false);
    assert.equal(statusOfC('Succeeded', 'Skipped').succeededOrFailed([]), false);
  });

  it('is nothing but cancelled once the run is', () => {
    for (const status of [statusOfC('Succeeded', 'Failed', true), stepStatus('Failed', true)]) {
      assert.deepEqual(
        [status.succeeded([]), status.failed([]), status.succeededOrFailed([]), status.canceled()],
        [false, false, false, true],
      );
    }
  });

  it('makes a whole as bad as its worst part', () => {
    assert.equal(worstOf(['Succeeded', 'Failed', 'SucceededWithIssues', 'Skipped']), 'Failed');
    assert.equal(worstOf(['Skipped']), 'Succeeded');
  });
});
