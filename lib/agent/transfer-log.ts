import type { Agent } from './agent.ts';

/** Shorter transfers say nothing; longer ones say something as often, in milliseconds. */
const EVERY = 5000;

/** Tells how a transfer gets on: share, rate and time left, in the log and on the run's page. */
export class TransferLog {
  readonly #agent: Agent;
  readonly #doing: string;
  #started: number | undefined;
  #lastTold = 0;

  /** @param doing what is going on, such as "Sending layers" */
  constructor(agent: Agent, doing: string) {
    this.#agent = agent;
    this.#doing = doing;
  }

  /** Takes note of how many bytes of all are done. */
  update(done: number, total: number): void {
    const now = Date.now();
    this.#started ??= now;
    if (total === 0 || now - Math.max(this.#started, this.#lastTold) < EVERY) return;
    this.#lastTold = now;
    const rate = done / ((now - this.#started) / 1000);
    const left = rate > 0 ? `, ${formatSeconds((total - done) / rate)} left` : '';
    const line = `${this.#doing}: ${formatBytes(done)} of ${formatBytes(total)}, ${formatBytes(Math.round(rate))}/s${left}`;
    this.#agent.log(line);
    this.#agent.progress(done / total, line);
  }
}

const UNITS = ['kB', 'MB', 'GB', 'TB'] as const;

/** A size for people, such as `12.3 MB`; decimal units, as networks and disks are sold. */
export function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} ${bytes === 1 ? 'byte' : 'bytes'}`;
  let [value, unit] = [bytes / 1000, 0];
  while (value >= 999.5 && unit < UNITS.length - 1) [value, unit] = [value / 1000, unit + 1];
  return `${value < 99.95 ? value.toFixed(1) : value.toFixed(0)} ${UNITS[unit] ?? ''}`;
}

function formatSeconds(seconds: number): string {
  return seconds < 90 ? `${Math.ceil(seconds)} s` : `${Math.ceil(seconds / 60)} min`;
}
