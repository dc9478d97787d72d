import assert from 'node:assert/strict';
import { waitBefore } from '../../../lib/http/retry.ts';

const POLICY = { attempts: 5, firstWait: 400, longestWait: 30_000 };

describe('the wait before another attempt', () => {
  it('is no less than what the peer asks for, in seconds or until a date', () => {
    assert.equal(waitBefore(1, POLICY, '2'), 2_000);
    const until = waitBefore(1, POLICY, new Date(Date.now() + 10_000).toUTCString());
    assert.ok(until > 8_000 && until <= 10_000, String(until));
  });

  it('is our own where the peer asks for less: an answer at once would meet it as busy as it was', () => {
    for (const asked of ['0', '1', 'Wed, 21 Oct 2015 07:28:00 GMT']) {
      const waited = waitBefore(4, POLICY, asked);
      assert.ok(waited >= 400 * 8 * 0.75, `${waited} for ${asked}`);
    }
  });

  it('is never longer than we are willing to wait, whatever is asked for', () => {
    assert.equal(waitBefore(1, POLICY, '3600'), 30_000);
    assert.equal(waitBefore(20, POLICY), 30_000);
  });

  it('doubles where nothing is asked, with a share of chance', () => {
    for (const attempt of [1, 2, 3]) {
      const own = POLICY.firstWait * 2 ** (attempt - 1);
      for (const asked of [undefined, 'soon']) {
        const waited = waitBefore(attempt, POLICY, asked);
        assert.ok(waited >= own * 0.75 && waited <= own * 1.25, String(waited));
      }
    }
  });
});
