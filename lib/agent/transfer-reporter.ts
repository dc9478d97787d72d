import type { Reporter } from '../model/progress.ts';
import type { Agent } from './agent.ts';
import { formatBytes, formatRate } from './quantities.ts';

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
      agent.log(`${doing}: ${formatBytes(done)} of ${formatBytes(total)}, ${formatRate(done, now - started)}`);
    },
    note: (text) => agent.log(text),
  };
}
