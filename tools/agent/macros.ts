// `$(name)`: replaced when a step begins. What is not set stays as it stands, as with the real agent.
import type { Variables } from './variables.ts';

const MACRO = /\$\(([^()\s]+)\)/g;
/** Variables may hold macros themselves; the real agent goes on as deep, and so ends circles. */
const DEEPEST = 50;

/** Replaces the macros in a text by the values of variables, and the macros in those values. */
export function expandMacros(text: string, variables: Variables): string {
  return expand(text, variables, 0);
}

function expand(text: string, variables: Variables, depth: number): string {
  if (depth > DEEPEST) return text;
  return text.replace(MACRO, (macro: string, name: string) => {
    const value = variables.value(name);
    return value === undefined ? macro : expand(value, variables, depth + 1);
  });
}

/** The same for every value of a record. */
export function expandAll(
  texts: Readonly<Record<string, string>>,
  variables: Variables,
): Readonly<Record<string, string>> {
  return Object.fromEntries(Object.entries(texts).map(([key, text]) => [key, expandMacros(text, variables)]));
}
