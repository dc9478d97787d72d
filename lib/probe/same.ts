import { isList, isObject, type JsonValue, shown } from './json-value.ts';

/** How far numbers may be apart and still be the same: by either measure. */
export interface Tolerance {
  /** In the numbers' own unit. */
  readonly absolute: number;
  /** As a share of the expected number; 0.01 is one percent. */
  readonly relative: number;
}

export const EXACTLY: Tolerance = { absolute: 0, relative: 0 };

/** Reads `0.01` (in the numbers' own unit) or `1 %` (of the expected number); undefined where it is neither. */
export function parseTolerance(text: string): Tolerance | undefined {
  const [, number, percent] = /^(\d+(?:\.\d+)?(?:e-?\d+)?)\s*(%)?$/i.exec(text) ?? [];
  if (number === undefined) return undefined;
  return percent === undefined
    ? { ...EXACTLY, absolute: Number(number) }
    : { ...EXACTLY, relative: Number(number) / 100 };
}

/** Whether two numbers are the same, as far as they need to be. */
function isNear(actual: number, expected: number, { absolute, relative }: Tolerance): boolean {
  return Math.abs(actual - expected) <= Math.max(absolute, relative * Math.abs(expected));
}

/**
 * The first difference between what came and what is expected, as a clause such as `at [1] 0.7 is not 0.9 ± 0.01`; undefined where they are the
 * same. Objects have the same keys, in any order; numbers anywhere in them may differ by the tolerance.
 */
export function differenceOf(actual: JsonValue, expected: JsonValue, tolerance: Tolerance): string | undefined {
  return firstDifference(actual, expected, tolerance, '');
}

function firstDifference(
  actual: JsonValue | undefined,
  expected: JsonValue | undefined,
  tolerance: Tolerance,
  at: string,
): string | undefined {
  const place = at === '' ? '' : `at ${at} `;
  if (typeof actual === 'number' && typeof expected === 'number') {
    return isNear(actual, expected, tolerance)
      ? undefined
      : `${place}${actual} is not ${expected}${allowed(tolerance)}`;
  }
  if (isList(actual) && isList(expected)) {
    if (actual.length !== expected.length) return `${place}${actual.length} items are not ${expected.length}`;
    return expected.map((item, i) => firstDifference(actual[i], item, tolerance, `${at}[${i}]`)).find(isText);
  }
  if (isObject(actual) && isObject(expected)) {
    const keys = [...new Set([...Object.keys(expected), ...Object.keys(actual)])];
    const own = (of: typeof actual, key: string): JsonValue | undefined =>
      Object.hasOwn(of, key) ? of[key] : undefined;
    return keys
      .map((key) => firstDifference(own(actual, key), own(expected, key), tolerance, `${at}.${key}`))
      .find(isText);
  }
  return actual === expected ? undefined : `${place}${shown(actual)} is not ${shown(expected)}`;
}

function allowed({ absolute, relative }: Tolerance): string {
  return [absolute === 0 ? '' : ` ± ${absolute}`, relative === 0 ? '' : ` ± ${relative * 100} %`].join('');
}

function isText(text: string | undefined): text is string {
  return text !== undefined;
}
