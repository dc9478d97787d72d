// Values of expressions, how they compare, and the functions that expressions may call.

export type ExpressionValue =
  string | number | boolean | null | readonly ExpressionValue[] | { readonly [name: string]: ExpressionValue };

export interface ExpressionFunction {
  /** The least and the greatest number of arguments. */
  readonly arity: readonly [number, number];
  /** Arguments come unevaluated, because `and` and `or` stop at the first that decides. */
  call(given: readonly (() => ExpressionValue)[]): ExpressionValue;
}

export function isTruthy(value: ExpressionValue): boolean {
  return value !== null && value !== '' && value !== 0 && value !== false;
}

/** A value as text: truth values with a capital, nothing as the empty text. */
export function textOf(value: ExpressionValue): string {
  if (value === null) return '';
  if (typeof value === 'boolean') return value ? 'True' : 'False';
  return typeof value === 'object' ? JSON.stringify(value) : String(value);
}

function numberOf(value: ExpressionValue): number {
  if (typeof value === 'object' && value !== null) return NaN;
  return Number(typeof value === 'string' ? value.trim() : value);
}

/** Whether two values are the same once the right one has been turned into the left one's kind. */
function equal(left: ExpressionValue, right: ExpressionValue): boolean {
  if (typeof left === 'number') return left === numberOf(right);
  if (typeof left === 'boolean') return left === isTruthy(right);
  if (left === null) return right === null || textOf(right) === '';
  if (typeof left === 'object') return left === right;
  return typeof right !== 'object' || right === null ? folded(left) === folded(right) : false;
}

/** Negative, zero or positive; NaN where the values cannot be compared, so that no comparison holds. */
function order(left: ExpressionValue, right: ExpressionValue): number {
  if (typeof left !== 'string') return numberOf(left) - numberOf(right);
  const [one, other] = [folded(left), folded(right)];
  return one === other ? 0 : one < other ? -1 : 1;
}

function folded(value: ExpressionValue): string {
  return textOf(value).toLowerCase();
}

/** A function that needs all its arguments. */
function eager(
  arity: readonly [number, number],
  call: (...values: readonly ExpressionValue[]) => ExpressionValue,
): ExpressionFunction {
  return { arity, call: (given) => call(...given.map((argument) => argument())) };
}

const two = [2, 2] as const;
const one = [1, 1] as const;
const many = (least: number): readonly [number, number] => [least, Infinity];

/** Functions by their names in lower case. */
export const FUNCTIONS: Readonly<Record<string, ExpressionFunction | undefined>> = {
  and: { arity: many(2), call: (given) => given.every((argument) => isTruthy(argument())) },
  or: { arity: many(2), call: (given) => given.some((argument) => isTruthy(argument())) },
  coalesce: {
    arity: many(2),
    call: (given) => given.map((argument) => argument()).find((value) => value !== null && value !== '') ?? null,
  },
  not: eager(one, (value = null) => !isTruthy(value)),
  xor: eager(two, (left = null, right = null) => isTruthy(left) !== isTruthy(right)),
  iif: eager([3, 3], (test = null, yes = null, no = null) => (isTruthy(test) ? yes : no)),
  eq: eager(two, (left = null, right = null) => equal(left, right)),
  ne: eager(two, (left = null, right = null) => !equal(left, right)),
  gt: eager(two, (left = null, right = null) => order(left, right) > 0),
  ge: eager(two, (left = null, right = null) => order(left, right) >= 0),
  lt: eager(two, (left = null, right = null) => order(left, right) < 0),
  le: eager(two, (left = null, right = null) => order(left, right) <= 0),
  in: eager(many(1), (value = null, ...others) => others.some((other) => equal(value, other))),
  notin: eager(many(1), (value = null, ...others) => !others.some((other) => equal(value, other))),
  contains: eager(two, (text = null, part = null) => folded(text).includes(folded(part))),
  containsvalue: eager(two, (owner = null, value = null) =>
    Object.values(owner ?? {}).some((one) => equal(value, one as ExpressionValue)),
  ),
  startswith: eager(two, (text = null, part = null) => folded(text).startsWith(folded(part))),
  endswith: eager(two, (text = null, part = null) => folded(text).endsWith(folded(part))),
  format: eager(many(1), (pattern = null, ...values) => formatted(textOf(pattern), values)),
  lower: eager(one, (text = null) => textOf(text).toLowerCase()),
  upper: eager(one, (text = null) => textOf(text).toUpperCase()),
  trim: eager(one, (text = null) => textOf(text).trim()),
  replace: eager([3, 3], (text = null, from = null, to = null) => textOf(text).replaceAll(textOf(from), textOf(to))),
  split: eager(two, (text = null, by = null) => textOf(text).split(textOf(by))),
  join: eager(two, (by = null, list = null) =>
    Array.isArray(list) ? (list as readonly ExpressionValue[]).map(textOf).join(textOf(by)) : textOf(list),
  ),
  converttojson: eager(one, (value = null) => JSON.stringify(value, null, 2)),
  length: eager(one, (value = null) => (Array.isArray(value) ? value.length : textOf(value).length)),
};

/** `{0}` is the first value; `{{` and `}}` are plain braces. */
function formatted(pattern: string, values: readonly ExpressionValue[]): string {
  return pattern.replace(/\{\{|\}\}|\{(\d+)\}/g, (found: string, index: string | undefined) =>
    index === undefined ? found.charAt(0) : textOf(values[Number(index)] ?? null),
  );
}
