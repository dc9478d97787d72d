import { Complaint, valueAt } from '../answer.ts';
import type { JsonPath } from '../json-path.ts';
import { isList, isObject, type JsonObject, type JsonValue, shown } from '../json-value.ts';
import { differenceOf, type Tolerance } from '../same.ts';
import { CaseFault, type CasePlace, checkKeys, numberAt, pathAt, patternAt, wholeNumberAt } from './fields.ts';

/** What is expected at one place of an answer. Throws Complaint where it is not so. */
export type Assertion = (answer: JsonValue, tolerance: Tolerance) => void;

/** Tells what is wrong with a value; undefined where nothing is. */
type Judge = (value: JsonValue, tolerance: Tolerance) => string | undefined;

/** What can be asked of a value, by the field that asks it; undefined where the field is not there. */
const READERS: Readonly<Record<string, (fields: JsonObject, place: CasePlace) => Judge | undefined>> = {
  equals: ({ equals }) =>
    equals === undefined ? undefined : (value, tolerance) => differenceOf(value, equals, tolerance),
  contains: ({ contains }) =>
    contains === undefined
      ? undefined
      : (value, tolerance) =>
          holds(value, contains, tolerance) ? undefined : `it does not contain ${shown(contains)}`,
  min: (fields, place) => {
    const min = numberAt(fields, 'min', place);
    return min === undefined
      ? undefined
      : (value) => (typeof value === 'number' && value >= min ? undefined : `it is not a number of at least ${min}`);
  },
  max: (fields, place) => {
    const max = numberAt(fields, 'max', place);
    return max === undefined
      ? undefined
      : (value) => (typeof value === 'number' && value <= max ? undefined : `it is not a number of at most ${max}`);
  },
  length: (fields, place) => {
    const length = wholeNumberAt(fields, 'length', place, { min: 0 });
    return length === undefined
      ? undefined
      : (value) => (lengthOf(value) === length ? undefined : `it does not have the length ${length}`);
  },
  matches: (fields, place) => {
    const pattern = patternAt(fields, 'matches', place);
    return pattern && ((value) => (pattern.test(asText(value)) ? undefined : `it does not match ${pattern.source}`));
  },
};

/**
 * Reads one item of `assert`: a path and what is to be there. All that it names must hold.
 *
 * @throws CaseFault
 */
export function readAssertion(item: JsonValue, place: CasePlace): Assertion {
  if (!isObject(item)) {
    throw new CaseFault(place, 'an assertion is an object such as {"path": "$.confidence", "min": 0.5}');
  }
  checkKeys(item, ['path', 'exists', ...Object.keys(READERS)], place);
  const path = pathAt(item, 'path', place);
  if (path === undefined) throw new CaseFault(place, 'path is missing');
  const judges = Object.values(READERS).flatMap((read) => read(item, place) ?? []);
  const { exists = true } = item;
  if (typeof exists !== 'boolean') throw new CaseFault([...place, 'exists'], 'exists is true or false');
  if (exists) return (answer, tolerance) => judge(answer, path, judges, tolerance);
  if (judges.length > 0) throw new CaseFault([...place, 'exists'], 'nothing can be said of what does not exist');
  return (answer) => checkAbsent(answer, path);
}

function judge(answer: JsonValue, path: JsonPath, judges: readonly Judge[], tolerance: Tolerance): void {
  const value = valueAt(answer, path);
  for (const each of judges) {
    const problem = each(value, tolerance);
    if (problem !== undefined) throw new Complaint(`answered ${shown(value)} at ${path.text}: ${problem}`);
  }
}

function checkAbsent(answer: JsonValue, path: JsonPath): void {
  const [found] = path.find(answer);
  if (found !== undefined) throw new Complaint(`answered ${shown(found)} at ${path.text}, where nothing should be`);
}

function holds(value: JsonValue, part: JsonValue, tolerance: Tolerance): boolean {
  if (typeof value === 'string' && typeof part === 'string') return value.includes(part);
  return isList(value) && value.some((item) => differenceOf(item, part, tolerance) === undefined);
}

function lengthOf(value: JsonValue): number | undefined {
  return isList(value) || typeof value === 'string' ? value.length : undefined;
}

function asText(value: JsonValue): string {
  return typeof value === 'string' ? value : JSON.stringify(value);
}
