// `${{ }}` in texts: replaced while the file is read, from what its place knows.
import { messageOf } from '../../lib/errors/delivery-error.ts';
import { parseExpression, type ExpressionValue } from './expression.ts';
import { textOf } from './expression-functions.ts';
import type { Place } from './pipeline-model.ts';
import { refusal } from './yaml-tree.ts';

/** Top-level names that template expressions know at a place: parameters, variables, and those of `each`. */
export interface KnownValues {
  readonly parameters: Readonly<Record<string, ExpressionValue>>;
  readonly variables: Readonly<Record<string, string>>;
  /** Variables of the `each` that the place stands in. */
  readonly loop: Readonly<Record<string, ExpressionValue>>;
}

/** An expression ends at the first `}}` that is not within quotes. */
const INSIDE = String.raw`((?:'(?:[^']|'')*'|(?!\}\}).)*)`;
const ANYWHERE = new RegExp(String.raw`\$\{\{${INSIDE}\}\}`, 'gs');
const WHOLE = new RegExp(String.raw`^\s*\$\{\{${INSIDE}\}\}\s*$`, 's');

/** What stands in a text that is one template expression and nothing else. */
export function wholeExpression(text: string): string | undefined {
  return WHOLE.exec(text)?.[1];
}

/** A text with its template expressions replaced by their values. */
export function replaceExpressions(text: string, known: KnownValues, place: Place): string {
  return text.replace(ANYWHERE, (template: string, expression: string) => {
    const value = evaluate(expression, known, place);
    if (typeof value !== 'object' || value === null) return textOf(value);
    const kind = Array.isArray(value) ? 'a list' : 'a mapping';
    throw refusal(place, `"${template}" is ${kind}, where a text is wanted`, 'Name one value of it, or use join.');
  });
}

/** The value of a template expression. Throws `YAML_INVALID` with the line for one that is wrong. */
export function evaluate(expression: string, { loop, ...names }: KnownValues, place: Place): ExpressionValue {
  try {
    const unknown = parametersIn(expression).find((name) => !has(names.parameters, name));
    if (unknown !== undefined) throw new Error(`there is no parameter ${unknown}`);
    return parseExpression(expression).evaluate({ values: { ...names, ...loop } });
  } catch (error) {
    throw refusal(place, `"\${{${expression}}}": ${messageOf(error)}`, 'Correct the expression.');
  }
}

function parametersIn(expression: string): readonly string[] {
  const code = expression.replace(/'(?:[^']|'')*'/g, "''");
  return [...code.matchAll(/(?<![\w.])parameters\.(\w+)/gi)].map(([, name = '']) => name);
}

function has(values: Readonly<Record<string, unknown>>, name: string): boolean {
  return Object.keys(values).some((known) => known.toLowerCase() === name.toLowerCase());
}
