import assert from 'node:assert/strict';
import { Timeline } from '../../../../lib/kube/strategies/timeline.ts';
import { timelineOf } from '../../../../tasks/RolloutToAKS/timeline.ts';

/** A timeline whose clock and pods the test sets. */
function played(): {
  readonly timeline: Timeline;
  readonly set: (seconds: number, old: number, next: number) => void;
} {
  let [seconds, old, next] = [0, 0, 0];
  const timeline = new Timeline(() => seconds * 1000);
  timeline.countBy(() => ({ old, next }));
  return { timeline, set: (...now) => ([seconds, old, next] = now) };
}

describe('the timeline of a rollout', () => {
  it('keeps what happened, when, and how many pods of each version there were', () => {
    const { timeline, set } = played();
    set(0, 4, 0);
    timeline.mark('begins');
    set(12.34, 4, 1);
    timeline.mark('step 10 %', ['GET / passed']);
    assert.deepEqual(timeline.moments(), [
      { at: 0, what: 'begins', checks: [], failed: false, isSample: false, old: 4, next: 0 },
      { at: 12.3, what: 'step 10 %', checks: ['GET / passed'], failed: false, isSample: false, old: 4, next: 1 },
    ]);
  });

  it('samples only what changes', () => {
    const { timeline, set } = played();
    set(0, 2, 0);
    timeline.sample('0 of 1 objects ready');
    timeline.sample('0 of 1 objects ready');
    set(3, 2, 1);
    timeline.sample('0 of 1 objects ready');
    assert.deepEqual(
      timeline.moments().map(({ old, next }) => [old, next]),
      [
        [2, 0],
        [2, 1],
      ],
    );
  });

  it('is drawn with a bar for each version, and with text that is no markup', () => {
    const { timeline, set } = played();
    set(61, 3, 1);
    timeline.mark('step 34 %', ['p95 <b>9 ms</b>', 'pipe | here'], true);
    const [, , row] = timelineOf(timeline.moments()).split('\n');
    assert.equal(row, '| 1 min 1 s | ❌ step 34 % | 🟦🟦🟦🟩 | 3 | 1 | p95 &lt;b&gt;9 ms&lt;/b&gt;<br>pipe \\| here |');
  });

  it('draws many pods within a line, and every version that has one', () => {
    const { timeline, set } = played();
    set(0, 500, 1);
    timeline.mark('step 1 %');
    const text = timelineOf(timeline.moments());
    assert.match(text, /\| 🟦{20}🟩 \|/u);
  });

  it('thins out samples, never what happened', () => {
    const { timeline, set } = played();
    for (let second = 0; second < 200; second++) {
      set(second, 200 - second, second);
      if (second % 50 === 0) timeline.mark(`event ${second}`);
      else timeline.sample('sample');
    }
    const rows = timelineOf(timeline.moments()).split('\n').slice(2);
    assert.ok(rows.length <= 30, `${rows.length} rows`);
    assert.deepEqual(
      rows.filter((row) => row.includes('event')).map((row) => /event \d+/.exec(row)?.[0]),
      ['event 0', 'event 50', 'event 100', 'event 150'],
    );
  });
});
