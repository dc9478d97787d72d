import assert from 'node:assert/strict';
import { type Verdict, withRetries } from '../../../lib/model/stores/retry.ts';
import { waitsOf } from '../../support/skipped-waits.ts';

const NEVER = new AbortController().signal;

/** How long a request that fails each time is tried again before it is given up, in milliseconds of a clock that nobody waits for. */
async function patience(verdict: Verdict): Promise<number> {
  const failing = (): Promise<never> => Promise.reject(new Error('busy'));
  const waits = await waitsOf(() =>
    assert.rejects(withRetries(failing, { signal: NEVER, judge: () => verdict }), /busy/),
  );
  return waits.reduce((sum, milliseconds) => sum + milliseconds, 0);
}

describe('a request to a store', () => {
  it('outlasts a store that is busy for most of a minute, whatever that asks for', async () => {
    for (const retryAfter of [undefined, '0']) {
      const waited = await patience({ transient: true, busy: true, retryAfter });
      assert.ok(waited >= 35_000 && waited <= 70_000, `${waited} ms`);
    }
  });

  it('is given up after seconds where all else fails, and at once where no other attempt can help', async () => {
    const waited = await patience({ transient: true });
    assert.ok(waited >= 4_000 && waited <= 8_000, `${waited} ms`);
    assert.equal(await patience({ transient: false, busy: true }), 0);
  });
});
