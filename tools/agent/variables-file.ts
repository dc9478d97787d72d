// Reads `variables:` of a pipeline, a stage or a job.
import type { Expression } from './expression.ts';
import type { VariableDefinition } from './pipeline-model.ts';
import { expressionAt, flagOf } from './scalars.ts';
import { namesTemplate, templatePart } from './template.ts';
import type { YamlValue } from './yaml-value.ts';

/** Reads variables, each knowing those above it. */
export function readVariables(value: YamlValue | undefined): readonly VariableDefinition[] {
  const context = value?.context;
  if (value === undefined || context === undefined) return [];
  // Grows while the entries are read, so that each is expanded with what stands above it.
  const known: Record<string, string> = { ...context.variables };
  const own: VariableDefinition[] = [];
  for (const definition of definitions(value.in({ ...context, variables: known }))) {
    own.push(definition);
    Object.assign(known, valuesOf([definition]), context.given);
  }
  return own;
}

/** What template expressions know of variables: the texts that stand in the file. */
export function valuesOf(variables: readonly VariableDefinition[]): Readonly<Record<string, string>> {
  return Object.fromEntries(
    variables.flatMap(({ name, value }) => (typeof value === 'string' ? [[name, value] as const] : [])),
  );
}

function* definitions(value: YamlValue): Generator<VariableDefinition> {
  if (!value.isList) {
    for (const [name, text] of value.entries()) yield { name, value: variableValue(text), isReadOnly: false };
    return;
  }
  for (const entry of value.items()) {
    if (namesTemplate(entry)) {
      yield* definitions(templatePart(entry, 'variables'));
      continue;
    }
    const fields = entry.fields(['name', 'value', 'readonly'], ['group']);
    yield {
      name: fields.name?.text() ?? entry.refuse('the variable has no name', 'Give it one.'),
      value: variableValue(fields.value),
      isReadOnly: flagOf(fields.readonly, false),
    };
  }
}

function variableValue(value: YamlValue | undefined): string | Expression {
  const text = value?.text() ?? '';
  const runtime = /^\s*\$\[(.*)\]\s*$/s.exec(text)?.[1];
  return runtime === undefined || value === undefined ? text : expressionAt(value, runtime);
}
