import { readFile } from 'node:fs/promises';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { isObject, type JsonObject, type JsonValue } from './json-value.ts';
import { formatMeasure, type Measure, type Measurements, smallerIsBetter } from './limits.ts';
import { type CheckResult, failed, passed } from './result.ts';

/** Measurements of an earlier run to compare with. */
export interface Baseline {
  readonly measurements: Measurements;
  /** How much worse a measurement may be, as a share: 0.2 is a fifth. */
  readonly allowance: number;
}

/**
 * What is compared, and how far any two runs are apart, which means nothing. How long a service takes to start says more of the
 * machine than of the service.
 */
const NOISE = new Map<Measure, number>([
  ['p50', 1],
  ['p95', 2],
  ['p99', 5],
  ['throughput', 0],
  ['memory', 16 * 1024 ** 2],
]);

/**
 * Reads the measurements of the results file of an earlier run; undefined where there is no such file, as in the first run.
 *
 * @throws DeliveryError `BASELINE_INVALID`
 */
export async function readBaseline(path: string): Promise<Measurements | undefined> {
  const text = await readFile(path, 'utf8').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw invalid(path, `cannot be read: ${messageOf(error)}`);
  });
  if (text === undefined) return undefined;
  const measured = measurementsIn(path, text);
  return Object.fromEntries(
    [...NOISE.keys()].flatMap((measure) => {
      const value = measured[measure];
      return typeof value === 'number' ? [[measure, value]] : [];
    }),
  );
}

function measurementsIn(path: string, text: string): JsonObject {
  try {
    const value = JSON.parse(text) as JsonValue;
    if (isObject(value) && isObject(value.measurements)) return value.measurements;
  } catch (error) {
    throw invalid(path, `is not JSON: ${messageOf(error)}`);
  }
  throw invalid(path, 'holds no object "measurements"');
}

/** Holds measurements against those of an earlier run. What that has measured must have been measured again. */
export function compareWithBaseline({ measurements, allowance }: Baseline, now: Measurements): readonly CheckResult[] {
  return [...NOISE].flatMap(([measure, noise]) => {
    const [before, after] = [measurements[measure], now[measure]];
    if (before === undefined) return [];
    const name = `${measure} at most ${Math.round(allowance * 100)} % worse than ${formatMeasure(measure, before)}`;
    const result = { kind: 'latency', name, milliseconds: 0 } as const;
    if (after === undefined || Number.isNaN(after)) return [failed(result, 'was not measured')];
    const worse = smallerIsBetter(measure) ? after - before : before - after;
    const isGood = worse <= Math.max(before * allowance, noise);
    return [isGood ? passed(result) : failed(result, `was ${formatMeasure(measure, after)}`)];
  });
}

function invalid(path: string, problem: string): DeliveryError {
  return new DeliveryError('BASELINE_INVALID', {
    message: `The baseline ${path} ${problem}.`,
    remedy: 'Give the file that an earlier run wrote to resultsFile.',
  });
}
