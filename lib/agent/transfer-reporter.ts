import type { Reporter } from '../model/progress.ts';
import type { Agent } from './agent.ts';
import { formatBytes, formatRate, formatTime } from './quantities.ts';

/** The agent redraws a progress bar no more often than this, in milliseconds. */
const BAR_INTERVAL = 1_000;
/** A line in the log each so many milliseconds: nothing for what is short, a sign of life for what is long. */
const LINE_INTERVAL = 5_000;

/**
 * Shows in the run's log and on its page how a transfer gets on.
 *
 * @param doing what is being done, such as `Fetching digits`
 */
export function transferReporter(agent: Agent, doing: string): Reporter {
  const started = Date.now();
  let [bar, line] = [started, started];
  return {
    progress: (done, total) => {
      const now = Date.now();
      if (now - bar < BAR_INTERVAL) return;
      bar = now;
      agent.progress(total === 0 ? 1 : done / total, doing);
      if (now - line < LINE_INTERVAL) return;
      line = now;
      agent.log(`${doing}: ${progressLine(done, total, now - started)}`);
    },
    note: (text) => agent.log(text),
  };
}

/**
 * How far a transfer is, how fast, and how long it will take if it goes on so: `1.5 GiB of 4.0 GiB, 210 MiB/s, 12 s left`.
 *
 * @param elapsed since it began, in milliseconds
 */
export function progressLine(done: number, total: number, elapsed: number): string {
  const left = done > 0 && done < total ? [`${formatTime(((total - done) * elapsed) / done)} left`] : [];
  return [`${formatBytes(done)} of ${formatBytes(total)}`, formatRate(done, elapsed), ...left].join(', ');
}
