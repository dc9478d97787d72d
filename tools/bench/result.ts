// One line of a benchmark's table: a figure, what it must be, and the measures that it comes from.
import type { Measure } from './measured.ts';

export interface Result {
  readonly title: string;
  /** By contender; the task under test is `ours`. */
  readonly measures: Measures;
  /** Such as `≥ 4 × az`. */
  readonly target: string;
  /** The figure that the target is about. */
  readonly reached: string;
  readonly met: boolean;
}

export type Measures<Other extends string = never> = Readonly<Partial<Record<string, Measure>>> &
  Readonly<Record<'ours' | Other, Measure>>;

/** What was measured, under its name. */
export interface Measured<Other extends string = never> {
  readonly title: string;
  readonly measures: Measures<Other>;
}

/** At least so many times as fast as another contender. */
export function fasterThan<Other extends string>(of: Measured<Other>, other: Other, factor: number): Result {
  const reached = of.measures[other].seconds / of.measures.ours.seconds;
  return { ...of, target: `≥ ${factor} × ${other}`, reached: `${reached.toFixed(1)} ×`, met: reached >= factor };
}

/** At most so many times as long as another contender. */
export function near<Other extends string>(of: Measured<Other>, other: Other, factor: number): Result {
  const reached = of.measures.ours.seconds / of.measures[other].seconds;
  return { ...of, target: `≤ ${factor} × ${other}`, reached: `${reached.toFixed(2)} ×`, met: reached <= factor };
}

/** At most so much memory. */
export function withinMemory({ title, measures: { ours } }: Measured, megabytes: number): Result {
  const reached = ours.peak / 1e6;
  return {
    title,
    measures: { ours },
    target: `≤ ${megabytes} MB of memory`,
    reached: `${reached.toFixed(0)} MB`,
    met: reached <= megabytes,
  };
}

/** Nothing of what passed through was put onto a disk: at most what summary and facts take. */
export function nothingWritten({ title, measures: { ours } }: Measured): Result {
  const reached = ours.written / 1e6;
  return {
    title,
    measures: { ours },
    target: 'no temporary files',
    reached: `${reached.toFixed(1)} MB written`,
    met: reached < 1,
  };
}

/** At most so long. */
export function withinSeconds(of: Measured, limit: number): Result {
  const { seconds } = of.measures.ours;
  return { ...of, target: `≤ ${limit} s`, reached: `${seconds.toFixed(2)} s`, met: seconds <= limit };
}

/** No more than so many bytes, counted by a proxy, moved; time is only shown. */
export function movesAtMost(of: Measured, what: string, bytes: number, limit: number): Result {
  const [target, reached] = [limit, bytes].map((count) => count.toLocaleString('en'));
  return { ...of, target: `≤ ${target ?? ''} ${what}`, reached: reached ?? '', met: bytes <= limit };
}

/** A result that also holds a number of bytes, counted by a proxy, to its limit. */
export function withBytes(result: Result, what: string, bytes: number, limit = 0): Result {
  const most = limit === 0 ? '0' : `≤ ${limit.toLocaleString('en')}`;
  return {
    ...result,
    target: `${result.target}, ${most} ${what}`,
    reached: `${result.reached}, ${bytes.toLocaleString('en')}`,
    met: result.met && bytes <= limit,
  };
}

/**
 * The rows of a table.
 *
 * @param contenders the heading of each contender, in their order
 */
export function rowsOf(results: readonly Result[], contenders: Readonly<Record<string, string>>): readonly string[][] {
  const rows = results.map(({ title, measures, target, reached, met }) => [
    title,
    ...Object.keys(contenders).map((name) => cell(measures[name])),
    ...[target, reached, met ? '✔' : '✘ missed'],
  ]);
  return [['', ...Object.values(contenders), 'target', 'reached', ''], ...rows];
}

function cell(measure: Measure | undefined): string {
  if (measure === undefined) return '';
  const { seconds, processor, peak } = measure;
  const figures = [`${seconds.toFixed(2)} s`, `${processor.toFixed(2)} s`, `${(peak / 1e6).toFixed(0)} MB`];
  return figures.map((figure) => figure.padStart(7)).join(' ');
}
