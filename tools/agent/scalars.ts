// Single values of a pipeline file: conditions, truth values, numbers.
import { messageOf } from '../../lib/errors/delivery-error.ts';
import { parseExpression, type Expression } from './expression.ts';
import type { YamlValue } from './yaml-value.ts';

/** The condition that stands in the file, or the usual one. */
export function conditionOf(value: YamlValue | undefined): Expression {
  if (value === undefined) return parseExpression('succeeded()');
  return expressionAt(value, value.text());
}

/** The expression that a text of the file is. */
export function expressionAt(value: YamlValue, text: string): Expression {
  try {
    return parseExpression(text);
  } catch (error) {
    return value.refuse(`the expression: ${messageOf(error)}`, 'Correct it; docs/local-agent.md lists the functions.');
  }
}

/** A truth value of the file. */
export function flagOf(value: YamlValue | undefined, otherwise: boolean): boolean {
  const text = value?.text().toLowerCase();
  if (value === undefined || text === undefined) return otherwise;
  if (text !== 'true' && text !== 'false') value.refuse(`"${text}" is neither true nor false`, 'Use one of them.');
  return text === 'true';
}

/** A number of the file. */
export function numberOf(value: YamlValue | undefined, otherwise: number): number {
  if (value === undefined) return otherwise;
  const number = Number(value.text());
  if (!(number >= 0)) value.refuse('this is not a number', 'Give a number that is not negative.');
  return number;
}
