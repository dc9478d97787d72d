import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { table } from '../demo/table.ts';
import type { Progress } from '../services/stages.ts';
import { type Result, rowsOf } from './result.ts';

/**
 * The parts of a benchmark that `--only a,b` names; without it all.
 *
 * @throws DeliveryError `BENCH_UNKNOWN`
 */
export function chosenParts<Name extends string>(
  bench: string,
  parts: Readonly<Record<Name, unknown>>,
  only: string | undefined,
): readonly Name[] {
  const known = Object.keys(parts) as Name[];
  if (only === undefined) return known;
  const wanted = only.split(',');
  const unknown = wanted.find((name) => !known.some((other) => other === name));
  if (unknown === undefined) return wanted as Name[];
  throw new DeliveryError('BENCH_UNKNOWN', {
    message: `The ${bench} benchmark has no part "${unknown}".`,
    remedy: `Give some of: ${known.join(', ')}.`,
  });
}

/** How parts are measured and shown. */
export interface Measuring<Name extends string> {
  readonly parts: Readonly<Record<Name, { readonly title: string }>>;
  /** Titles of the contenders, by name. */
  readonly contenders: Parameters<typeof rowsOf>[1];
  readonly progress: Progress;
  readonly measure: (name: Name) => Promise<readonly Result[]>;
}

/** Measures parts one after the other. A bench runs for minutes; what is known is shown, should it be ended. */
export async function measureParts<Name extends string>(
  names: readonly Name[],
  { parts, contenders, progress, measure }: Measuring<Name>,
): Promise<readonly Result[]> {
  const results: Result[] = [];
  for (const name of names) {
    const part = await progress.stage(parts[name].title, () => measure(name));
    if (names.length > 1) console.log(table(rowsOf(part, contenders)));
    results.push(...part);
  }
  return results;
}
