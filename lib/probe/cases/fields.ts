import { type JsonPath, parseJsonPath } from '../json-path.ts';
import { type JsonObject, shown } from '../json-value.ts';
import { messageOf } from '../../errors/delivery-error.ts';

/** Where in a case something is: keys and indexes on the way to it. */
export type CasePlace = readonly (string | number)[];

/** Something in a case that cannot be meant; whoever knows the file says in which line it is. */
export class CaseFault extends Error {
  override readonly name = 'CaseFault';
  readonly place: CasePlace;

  constructor(place: CasePlace, problem: string) {
    super(problem);
    this.place = place;
  }
}

interface Range {
  readonly min?: number;
  readonly max?: number;
}

/** Refuses keys that nobody reads: they are most likely misspelt. */
export function checkKeys(fields: JsonObject, known: readonly string[], place: CasePlace): void {
  const other = Object.keys(fields).find((key) => !known.includes(key));
  if (other !== undefined) {
    throw new CaseFault(
      [...place, other],
      `there is no field ${JSON.stringify(other)} here; there are ${known.join(', ')}`,
    );
  }
}

export function textAt(fields: JsonObject, key: string, place: CasePlace): string | undefined {
  const value = fields[key];
  if (value === undefined || typeof value === 'string') return value;
  throw new CaseFault([...place, key], `${key} is a text, not ${shown(value)}`);
}

export function numberAt(fields: JsonObject, key: string, place: CasePlace, range: Range = {}): number | undefined {
  const value = fields[key];
  const { min = -Infinity, max = Infinity } = range;
  if (value === undefined || (typeof value === 'number' && value >= min && value <= max)) return value;
  const from = min === -Infinity ? '' : ` from ${min}`;
  const to = max === Infinity ? '' : ` to ${max}`;
  throw new CaseFault([...place, key], `${key} is a number${from}${to}, not ${shown(value)}`);
}

export function wholeNumberAt(fields: JsonObject, key: string, place: CasePlace, range: Range): number | undefined {
  const value = numberAt(fields, key, place, range);
  if (value === undefined || Number.isInteger(value)) return value;
  throw new CaseFault([...place, key], `${key} is a whole number, not ${value}`);
}

export function pathAt(fields: JsonObject, key: string, place: CasePlace): JsonPath | undefined {
  const text = textAt(fields, key, place);
  return text === undefined ? undefined : read(() => parseJsonPath(text), [...place, key]);
}

export function patternAt(fields: JsonObject, key: string, place: CasePlace): RegExp | undefined {
  const text = textAt(fields, key, place);
  return text === undefined ? undefined : read(() => new RegExp(text, 'u'), [...place, key]);
}

function read<Value>(parse: () => Value, place: CasePlace): Value {
  try {
    return parse();
  } catch (error) {
    throw new CaseFault(place, messageOf(error));
  }
}
