import { isList, isObject, type JsonValue } from './json-value.ts';

/** One step down into a value. */
type Step = (value: JsonValue) => readonly JsonValue[];

/** A way to places in a JSON value. */
export interface JsonPath {
  readonly text: string;
  /** All values there, in their order; none where there is nothing. */
  readonly find: (value: JsonValue) => readonly JsonValue[];
}

/** A path that cannot be read. */
export class JsonPathFault extends Error {
  override readonly name = 'JsonPathFault';
}

/** A segment at the beginning of a text: `.name`, `['name']`, `[0]`, `[1:3]`, `[*]`, `..name`. */
const SEGMENT =
  /^(?<deep>\.\.)?(?:(?:(?<=\.\.)|(?<!\.\.)\.)(?:(?<name>[\p{L}_][\p{L}\p{N}_-]*)|(?<star>\*))|(?:\[\s*(?:'(?<single>(?:[^'\\]|\\.)*)'|"(?<double>(?:[^"\\]|\\.)*)"|(?<all>\*)|(?<from>-?\d+)?(?<slice>\s*:\s*(?<to>-?\d+)?)?)\s*\]))/u;

/**
 * Reads a JSON path of RFC 9535: names, indexes (`[-1]` is the last), slices, `*` and `..`. Filters and scripts are not there:
 * nothing in a path is ever run as a program.
 *
 * @throws JsonPathFault
 */
export function parseJsonPath(text: string): JsonPath {
  if (!text.startsWith('$')) throw new JsonPathFault(`the path ${JSON.stringify(text)} does not begin with $`);
  const steps: Step[] = [];
  let rest = text.slice(1);
  while (rest !== '') {
    const match = SEGMENT.exec(rest);
    const step = match?.groups && stepOf(match.groups);
    if (match === null || step === undefined) {
      throw new JsonPathFault(`the path ${JSON.stringify(text)} cannot be read from ${JSON.stringify(rest)} on`);
    }
    steps.push(match.groups?.deep === undefined ? step : (value) => withAllBelow(value).flatMap(step));
    rest = rest.slice(match[0].length);
  }
  return { text, find: (value) => steps.reduce<readonly JsonValue[]>((found, step) => found.flatMap(step), [value]) };
}

function stepOf(groups: Readonly<Record<string, string | undefined>>): Step | undefined {
  const { name, single, double, star, all, from, slice, to } = groups;
  const key = name ?? single ?? double;
  if (key !== undefined) return member(name ?? key.replace(/\\(.)/g, '$1'));
  if (star !== undefined || all !== undefined) return children;
  if (slice !== undefined) {
    return (value) => (isList(value) ? value.slice(Number(from ?? 0), to === undefined ? undefined : Number(to)) : []);
  }
  return from === undefined ? undefined : (value) => (isList(value) ? value.slice(Number(from)).slice(0, 1) : []);
}

function member(key: string): Step {
  return (value) => {
    const own = isObject(value) && Object.hasOwn(value, key) ? value[key] : undefined;
    return own === undefined ? [] : [own];
  };
}

function children(value: JsonValue): readonly JsonValue[] {
  if (isList(value)) return value;
  return isObject(value) ? Object.values(value) : [];
}

function withAllBelow(value: JsonValue): readonly JsonValue[] {
  return [value, ...children(value).flatMap(withAllBelow)];
}
