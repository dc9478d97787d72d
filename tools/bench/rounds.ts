// Contenders in turn, round after round, so that a busy moment of the machine meets all of them.
import type { Measure } from './measured.ts';

/** Runs once and measures it. */
export type Contender = (round: number) => Promise<Measure>;

/** The median time and the highest peak of each contender. */
export async function inRounds<Name extends string>(
  rounds: number,
  contenders: Readonly<Record<Name, Contender>>,
): Promise<Readonly<Record<Name, Measure>>> {
  const names = Object.keys(contenders) as Name[];
  const measures = new Map<Name, Measure[]>(names.map((name) => [name, []]));
  for (let round = 1; round <= rounds; round++) {
    for (const name of names) measures.get(name)?.push(await contenders[name](round));
  }
  const results = names.map((name) => [name, summaryOf(measures.get(name) ?? [])] as const);
  return Object.fromEntries(results) as Record<Name, Measure>;
}

function summaryOf(measures: readonly Measure[]): Measure {
  return {
    seconds: median(measures.map(({ seconds }) => seconds)),
    processor: median(measures.map(({ processor }) => processor)),
    peak: Math.max(...measures.map(({ peak }) => peak)),
    written: median(measures.map(({ written }) => written)),
  };
}

function median(values: readonly number[]): number {
  const ordered = [...values].sort((a, b) => a - b);
  const middle = Math.floor(ordered.length / 2);
  const upper = ordered[middle] ?? Number.NaN;
  return ordered.length % 2 === 1 ? upper : (upper + (ordered[middle - 1] ?? Number.NaN)) / 2;
}
