import { isList, isObject, type JsonObject, type JsonValue } from '../json-value.ts';
import type { JsonPath } from '../json-path.ts';
import type { Tolerance } from '../same.ts';
import { type Assertion, readAssertion } from './assertion.ts';
import { CaseFault, checkKeys, numberAt, pathAt, textAt, wholeNumberAt } from './fields.ts';

/** What is sent: a JSON value, in which `{"$file": …}` and `{"$text": …}` stand for files, or a file as it is. */
export type CaseRequest =
  | { readonly kind: 'json'; readonly value: JsonValue }
  | { readonly kind: 'file'; readonly path: string; readonly contentType: string };

/** One request to the score endpoint and what is expected of its answer. */
export interface ScoreCase {
  readonly name: string;
  readonly request: CaseRequest;
  /** Undefined: any of 200 to 299. */
  readonly status: number | undefined;
  /** Undefined: no value is expected. */
  readonly expected: JsonValue | undefined;
  /** Where in the answer it is expected. */
  readonly answerPath: JsonPath;
  /** The expected value is to be among so many first ones; undefined: it is to be the value itself. */
  readonly topK: number | undefined;
  readonly tolerance: Tolerance;
  readonly assertions: readonly Assertion[];
}

/** What holds for cases that do not say it themselves. */
export type CaseDefaults = Pick<ScoreCase, 'answerPath' | 'topK' | 'tolerance'>;

const KEYS = [
  ...['name', 'request', 'requestFile', 'contentType', 'status'],
  ...['expected', 'answerPath', 'topK', 'tolerance', 'relativeTolerance', 'assert'],
];

/**
 * Reads a case from JSON.
 *
 * @param fallbackName the name of a case that has none
 * @throws CaseFault
 */
export function readCase(value: JsonValue, fallbackName: string, defaults: CaseDefaults): ScoreCase {
  if (!isObject(value)) throw new CaseFault([], 'a case is an object such as {"request": …, "expected": …}');
  checkKeys(value, KEYS, []);
  return {
    name: textAt(value, 'name', []) ?? fallbackName,
    request: requestOf(value),
    status: wholeNumberAt(value, 'status', [], { min: 100, max: 599 }),
    expected: value.expected,
    answerPath: pathAt(value, 'answerPath', []) ?? defaults.answerPath,
    topK: wholeNumberAt(value, 'topK', [], { min: 1, max: 1_000_000 }) ?? defaults.topK,
    tolerance: {
      absolute: numberAt(value, 'tolerance', [], { min: 0 }) ?? defaults.tolerance.absolute,
      relative: numberAt(value, 'relativeTolerance', [], { min: 0 }) ?? defaults.tolerance.relative,
    },
    assertions: assertionsOf(value.assert),
  };
}

function requestOf(value: JsonObject): CaseRequest {
  const file = textAt(value, 'requestFile', []);
  if (file !== undefined && value.request !== undefined) {
    throw new CaseFault(['requestFile'], 'request and requestFile are both given');
  }
  if (file !== undefined) {
    return { kind: 'file', path: file, contentType: textAt(value, 'contentType', []) ?? 'application/octet-stream' };
  }
  if (value.contentType !== undefined) throw new CaseFault(['contentType'], 'contentType goes with requestFile only');
  if (value.request === undefined) throw new CaseFault([], 'request is missing');
  return { kind: 'json', value: value.request };
}

function assertionsOf(value: JsonValue | undefined): readonly Assertion[] {
  if (value === undefined) return [];
  if (!isList(value))
    throw new CaseFault(['assert'], 'assert is a list such as [{"path": "$.confidence", "min": 0.5}]');
  return value.map((item, index) => readAssertion(item, ['assert', index]));
}
