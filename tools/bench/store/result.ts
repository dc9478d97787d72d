// One line of the table.
import type { Measure } from '../measured.ts';

/** A figure, what it must be, and the times it comes from. */
export interface Result {
  readonly title: string;
  readonly ours: Measure;
  readonly az?: Measure;
  readonly curl?: Measure;
  /** Such as `≥ 4 × az`. */
  readonly target: string;
  /** The figure that the target is about. */
  readonly reached: string;
  readonly met: boolean;
}

type Times = Pick<Result, 'title' | 'ours' | 'az' | 'curl'>;

/** At least so many times as fast as the Azure CLI. */
export function fasterThanAz(times: Times & { readonly az: Measure }, factor: number): Result {
  const reached = times.az.seconds / times.ours.seconds;
  return { ...times, target: `≥ ${factor} × az`, reached: `${reached.toFixed(1)} ×`, met: reached >= factor };
}

/** At most so many times as long as curl. */
export function nearCurl(times: Times & { readonly curl: Measure }, factor: number): Result {
  const reached = times.ours.seconds / times.curl.seconds;
  return { ...times, target: `≤ ${factor} × curl`, reached: `${reached.toFixed(2)} ×`, met: reached <= factor };
}

/** At most so much memory. */
export function withinMemory(times: Times, megabytes: number): Result {
  const reached = times.ours.peak / 1e6;
  return {
    ...times,
    target: `≤ ${megabytes} MB of memory`,
    reached: `${reached.toFixed(0)} MB`,
    met: reached <= megabytes,
  };
}

/** At most so long. */
export function withinSeconds(times: Times, limit: number): Result {
  const { seconds } = times.ours;
  return { ...times, target: `≤ ${limit} s`, reached: `${seconds.toFixed(2)} s`, met: seconds <= limit };
}

/** The cells of a result. */
export function rowOf({ title, ours, az, curl, target, reached, met }: Result): readonly string[] {
  return [title, cell(ours), cell(az), cell(curl), target, reached, met ? '✔' : '✘ missed'];
}

function cell(measure: Measure | undefined): string {
  if (measure === undefined) return '';
  const { seconds, processor, peak } = measure;
  const figures = [`${seconds.toFixed(2)} s`, `${processor.toFixed(2)} s`, `${(peak / 1e6).toFixed(0)} MB`];
  return figures.map((figure) => figure.padStart(7)).join(' ');
}
