import { DeliveryError } from '../../lib/errors/delivery-error.ts';

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
