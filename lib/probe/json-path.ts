import { isList, isObject, type JsonValue } from './json-value.ts';

/** One step down into a value. */
type Step = (value: JsonValue) => readonly JsonValue[];

/** A way to places in a JSON value. */
export interface JsonPath {
  readonly text: string;
  /** It leads to one place at most: there is no slice, `*` or `..` in it. */
  readonly isSingular: boolean;
  /** All values there, in their order; none where there is nothing. */
  readonly find: (value: JsonValue) => readonly JsonValue[];
}

/** A path that cannot be read. */
export class JsonPathFault extends Error {
  override readonly name = 'JsonPathFault';
}

interface Segment {
  readonly step: Step;
  /** Leads to one place at most. */
  readonly isSingular: boolean;
}

/** What a segment may look like at the beginning of a text, and what it does. */
const FORMS: readonly (readonly [RegExp, (parts: readonly (string | undefined)[]) => Segment])[] = [
  [/^\.([\p{L}_][\p{L}\p{N}_-]*)/u, ([name = '']) => ({ step: member(name), isSingular: true })],
  [/^\[\s*'((?:[^'\\]|\\.)*)'\s*\]/, ([name = '']) => ({ step: member(unescaped(name)), isSingular: true })],
  [/^\[\s*"((?:[^"\\]|\\.)*)"\s*\]/, ([name = '']) => ({ step: member(unescaped(name)), isSingular: true })],
  [/^\[\s*(-?\d+)\s*\]/, ([index]) => ({ step: item(Number(index)), isSingular: true })],
  [/^\[\s*(-?\d+)?\s*:\s*(-?\d+)?\s*\]/, ([from, to]) => ({ step: slice(from, to), isSingular: false })],
  [/^(?:\.\*|\[\s*\*\s*\])/, () => ({ step: children, isSingular: false })],
];

/**
 * Reads a JSON path of RFC 9535: names, indexes (`[-1]` is the last), slices, `*` and `..`. Filters and scripts are not there:
 * nothing in a path is ever run as a program.
 *
 * @throws JsonPathFault
 */
export function parseJsonPath(text: string): JsonPath {
  if (!text.startsWith('$')) throw new JsonPathFault(`the path ${JSON.stringify(text)} does not begin with $`);
  const segments: Segment[] = [];
  let rest = text.slice(1);
  while (rest !== '') {
    const found = firstSegment(rest);
    if (found === undefined) {
      throw new JsonPathFault(`the path ${JSON.stringify(text)} cannot be read from ${JSON.stringify(rest)} on`);
    }
    segments.push(found.segment);
    rest = rest.slice(found.length);
  }
  return {
    text,
    isSingular: segments.every(({ isSingular }) => isSingular),
    find: (value) => segments.reduce<readonly JsonValue[]>((found, { step }) => found.flatMap(step), [value]),
  };
}

function firstSegment(text: string): { readonly segment: Segment; readonly length: number } | undefined {
  const isDeep = text.startsWith('..');
  // Of `..name` and `..[0]`, what is looked for below is `.name` and `[0]`.
  const skipped = isDeep ? (text[2] === '[' ? 2 : 1) : 0;
  for (const [form, read] of FORMS) {
    const match = form.exec(text.slice(skipped));
    if (match === null) continue;
    const { step, isSingular } = read(match.slice(1));
    const deepStep: Step = (value) => withAllBelow(value).flatMap(step);
    const segment = isDeep ? { step: deepStep, isSingular: false } : { step, isSingular };
    return { segment, length: skipped + match[0].length };
  }
  return undefined;
}

function unescaped(name: string): string {
  return name.replace(/\\(.)/g, '$1');
}

function item(index: number): Step {
  return (value) => {
    const found = isList(value) ? value.at(index) : undefined;
    return found === undefined ? [] : [found];
  };
}

function slice(from: string | undefined, to: string | undefined): Step {
  return (value) => (isList(value) ? value.slice(Number(from ?? 0), to === undefined ? undefined : Number(to)) : []);
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
