import assert from 'node:assert/strict';
import { setTimeout as sleep } from 'node:timers/promises';
import { each } from '../../lib/kube/rollout/each.ts';
import { FATAL_STATES, provoke, SECRET } from '../support/fatal-states.ts';
import type { FatalState, Provoked } from '../support/fatal-states.ts';
import { failureOf, RolloutBench } from '../support/rollout-bench.ts';

/** So many at once: most of their time is waiting. */
const AT_ONCE = 5;

describe('a rollout that meets', () => {
  const outcomes = new Map<FatalState, Provoked | Error>();
  let isOver = false;

  before(async function () {
    this.timeout('30m');
    // The first time on a machine this takes minutes.
    await (await RolloutBench.open()).close();
    void each(FATAL_STATES, AT_ONCE, async (state) => {
      if (!isOver) outcomes.set(state, await provoke(state).catch(asError));
    });
  });

  after(() => {
    isOver = true;
  });

  for (const state of FATAL_STATES) {
    it(`${state.title} says so, shows why, and puts everything back`, async () => {
      while (!outcomes.has(state)) await sleep(100);
      const outcome = outcomes.get(state);
      if (outcome === undefined || outcome instanceof Error) throw outcome ?? new Error('it was not provoked');
      const { run, before, after } = outcome;
      assert.match(failureOf(run, state.code, state.result ?? 'restored'), state.says);
      for (const shown of state.shows) assert.match(run.log, shown);
      const uploaded = [run.summary ?? '', ...run.attachments.map(({ content }) => content)];
      for (const text of [run.log, ...uploaded]) assert.ok(!text.includes(SECRET), text);
      if (state.result !== 'kept') assert.deepEqual(after, before);
    });
  }
});

function asError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(String(thrown));
}
