import assert from 'node:assert/strict';
import { tryKilledRollouts, tryStoppedRollouts } from '../support/rollout-ends.ts';

/** A few places of the many; `npm run bench -- faults` tries them all. */
const SAMPLE = { runs: 5, seed: 0 };

describe('a rollout that is ended in the middle', () => {
  it('by SIGKILL leaves nothing that the next run does not put right', async function () {
    this.timeout('10m');
    assert.deepEqual((await tryKilledRollouts(SAMPLE)).broken, []);
  });

  it('by being cancelled is back where it began, or done', async function () {
    this.timeout('10m');
    assert.deepEqual((await tryStoppedRollouts(SAMPLE)).broken, []);
  });

  for (const way of ['canary', 'blueGreen'] as const) {
    it(`by SIGKILL leaves nothing of ${way} that the next run does not put right`, async function () {
      this.timeout('10m');
      assert.deepEqual((await tryKilledRollouts({ runs: 3, seed: 0 }, way)).broken, []);
    });
  }
});
