// What is known where a value of a pipeline file is read, and the variables that make it grow.
import type { Expression, ExpressionValue } from './expression.ts';
import type { VariableDefinition } from './pipeline-model.ts';
import { expressionAt, flagOf } from './scalars.ts';
import { templateText } from './template-text.ts';
import type { Substitute, YamlValue } from './yaml-source.ts';

/** What is known where a value is read: the file's substitution, and the variables that it knows so far. */
export interface Scope {
  readonly parameters: Readonly<Record<string, ExpressionValue>>;
  readonly variables: Readonly<Record<string, string>>;
  readonly given: Readonly<Record<string, string>>;
  readonly substitute: Substitute;
}

/** A scope that substitutes what it knows. */
export function scopeOf(scope: Omit<Scope, 'substitute'>): Scope {
  return { ...scope, substitute: templateText(scope.parameters, scope.variables) };
}

/** The scope inside of something that defines variables of its own. */
export function within(scope: Scope, own: readonly VariableDefinition[]): Scope {
  const plain = own.flatMap(({ name, value }) => (typeof value === 'string' ? [[name, value] as const] : []));
  return scopeOf({ ...scope, variables: { ...scope.variables, ...Object.fromEntries(plain), ...scope.given } });
}

/** Reads `variables:`, each knowing those above it. */
export function readVariables(value: YamlValue | undefined, scope: Scope): readonly VariableDefinition[] {
  if (value === undefined) return [];
  const read = (
    name: string,
    text: YamlValue | undefined,
    isReadOnly: boolean,
    own: readonly VariableDefinition[],
  ) => ({
    name,
    value: variableValue(text, within(scope, own).substitute),
    isReadOnly,
  });
  if (!value.isList) {
    return value
      .entries()
      .reduce<readonly VariableDefinition[]>((own, [name, text]) => [...own, read(name, text, false, own)], []);
  }
  return value.list().reduce<readonly VariableDefinition[]>((own, entry) => {
    const fields = entry.fields(['name', 'value', 'readonly'], ['group', 'template', 'parameters']);
    const name = fields.name?.text(scope.substitute) ?? entry.refuse('the variable has no name', 'Give it one.');
    return [...own, read(name, fields.value, flagOf(fields.readonly, false, scope.substitute), own)];
  }, []);
}

function variableValue(value: YamlValue | undefined, substitute: Substitute): string | Expression {
  const text = value?.text(substitute) ?? '';
  const runtime = /^\s*\$\[(.*)\]\s*$/s.exec(text)?.[1];
  return runtime === undefined || value === undefined ? text : expressionAt(value, runtime);
}
