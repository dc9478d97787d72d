import { DeliveryError } from '../errors/delivery-error.ts';
import { type CheckResult, failed, passed } from './result.ts';

/** What can be measured and limited; times in milliseconds, memory in bytes, throughput in requests a second, the error rate from 0 to 1. */
export type Measure = 'p50' | 'p95' | 'p99' | 'max' | 'errorRate' | 'throughput' | 'memory' | 'start';

export type Measurements = Readonly<Partial<Record<Measure, number>>>;

/** A bound that a measurement keeps to. */
export interface Limit {
  readonly measure: Measure;
  /** Throughput has a least value, all others a greatest. */
  readonly value: number;
  /** As it was written. */
  readonly text: string;
}

const TIME = { '': 1, ms: 1, s: 1000 };
const BYTES = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3, KB: 1e3, MB: 1e6, GB: 1e9 };
/** By which sign a measure is bounded, and what its units are worth. */
const MEASURES: Readonly<
  Record<Measure, { readonly sign: '<=' | '>='; readonly units: Readonly<Record<string, number>> }>
> = {
  p50: { sign: '<=', units: TIME },
  p95: { sign: '<=', units: TIME },
  p99: { sign: '<=', units: TIME },
  max: { sign: '<=', units: TIME },
  start: { sign: '<=', units: TIME },
  errorRate: { sign: '<=', units: { '': 1, '%': 0.01 } },
  throughput: { sign: '>=', units: { '': 1, '/s': 1 } },
  memory: { sign: '<=', units: BYTES },
};

/**
 * Reads a limit such as `p95 <= 200 ms`, `errorRate <= 1 %`, `throughput >= 50` or `memory <= 2 GiB`.
 *
 * @throws DeliveryError `LIMIT_INVALID`
 */
export function parseLimit(line: string): Limit {
  const [, name = '', sign, number, unit = ''] = /^(\w+)\s*([<>]=)\s*(\d+(?:\.\d+)?)\s*(\S*)$/.exec(line) ?? [];
  const measure = Object.keys(MEASURES).find((known): known is Measure => known.toLowerCase() === name.toLowerCase());
  if (measure === undefined) throw invalid(line, `what is limited is one of ${Object.keys(MEASURES).join(', ')}`);
  const { units, sign: wanted } = MEASURES[measure];
  if (sign !== wanted) throw invalid(line, `${measure} is limited by ${wanted}`);
  const factor = Object.entries(units).find(([known]) => known.toLowerCase() === unit.toLowerCase())?.[1];
  if (factor === undefined) throw invalid(line, `the units of ${measure} are ${Object.keys(units).join(' ').trim()}`);
  return { measure, value: Number(number) * factor, text: `${measure} ${wanted} ${number ?? ''} ${unit}`.trim() };
}

/** Holds measurements against limits. What could not be measured does not keep to its limit. */
export function checkLimits(limits: readonly Limit[], measured: Measurements): readonly CheckResult[] {
  return limits.map(({ measure, value, text }) => {
    const result = { kind: 'latency', name: text, milliseconds: 0 } as const;
    const actual = measured[measure];
    if (actual === undefined || Number.isNaN(actual)) return failed(result, 'was not measured');
    const isKept = MEASURES[measure].sign === '<=' ? actual <= value : actual >= value;
    return isKept ? passed(result) : failed(result, `was ${formatMeasure(measure, actual)}`);
  });
}

/** A measurement as people read it. */
export function formatMeasure(measure: Measure, value: number): string {
  switch (measure) {
    case 'errorRate':
      return `${Number((value * 100).toFixed(2))} %`;
    case 'throughput':
      return `${value.toFixed(1)} requests/s`;
    case 'memory':
      return `${Math.ceil(value / 1024 ** 2)} MiB`;
    default:
      return `${value < 10 ? value.toFixed(1) : Math.round(value)} ms`;
  }
}

/** The way in which a measure is better: whether a smaller one is. */
export function smallerIsBetter(measure: Measure): boolean {
  return MEASURES[measure].sign === '<=';
}

function invalid(line: string, problem: string): DeliveryError {
  return new DeliveryError('LIMIT_INVALID', {
    message: `The limit "${line}" cannot be read: ${problem}.`,
    remedy: 'Write it as p95 <= 200 ms, errorRate <= 1 %, throughput >= 50 or memory <= 2 GiB.',
  });
}
