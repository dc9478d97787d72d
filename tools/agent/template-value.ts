// Parts of a file as values of expressions, and such values as parts of a file again.
import type { ExpressionValue } from './expression.ts';
import { textOf } from './expression-functions.ts';
import type { Place } from './pipeline-model.ts';
import type { YamlTree } from './yaml-tree.ts';

/** Where lists and mappings stood before they were handed on, so that errors in them name the line of their author. */
const origins = new WeakMap<object, Place>();

/** Remembers where a value was written. */
export function writtenAt<Value extends object>(value: Value, place: Place): Value {
  origins.set(value, place);
  return value;
}

/** A value as a part of a file. What was not written anywhere stands where the expression does. */
export function treeOfValue(value: ExpressionValue, expression: Place): YamlTree {
  if (typeof value !== 'object' || value === null) return { kind: 'text', text: textOf(value), place: expression };
  const place = origins.get(value) ?? expression;
  if (isList(value)) return { kind: 'list', place, items: value.map((item) => treeOfValue(item, place)) };
  const entries = Object.entries(value).map(([key, field]) => ({
    key: { kind: 'text', text: key, place } as const,
    value: treeOfValue(field, place),
  }));
  return { kind: 'mapping', place, entries };
}

function isList(value: object): value is readonly ExpressionValue[] {
  return Array.isArray(value);
}
