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

/** What is compared. How long a service takes to start says more of the machine than of the service. */
const COMPARED: readonly Measure[] = ['p50', 'p95', 'p99', 'throughput', 'memory'];
/** Differences below are those of any two runs. */
const NOISE = { p50: 1, p95: 2, p99: 5, throughput: 0, memory: 16 * 1024 ** 2 } as const;

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
    COMPARED.flatMap((measure) => {
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

/** Holds measurements against those of an earlier run. */
export function compareWithBaseline({ measurements, allowance }: Baseline, now: Measurements): readonly CheckResult[] {
  return COMPARED.flatMap((measure) => {
    const [before, after] = [measurements[measure], now[measure]];
    if (before === undefined || after === undefined || Number.isNaN(after)) return [];
    const worse = smallerIsBetter(measure) ? after - before : before - after;
    const percent = Math.round(allowance * 100);
    const result = {
      kind: 'latency',
      name: `${measure} at most ${percent} % worse than ${formatMeasure(measure, before)}`,
      milliseconds: 0,
    } as const;
    if (worse <= Math.max(before * allowance, NOISE[measure as keyof typeof NOISE])) return [passed(result)];
    return [failed(result, `was ${formatMeasure(measure, after)}`)];
  });
}

function invalid(path: string, problem: string): DeliveryError {
  return new DeliveryError('BASELINE_INVALID', {
    message: `The baseline ${path} ${problem}.`,
    remedy: 'Give the file that an earlier run wrote to resultsFile.',
  });
}
