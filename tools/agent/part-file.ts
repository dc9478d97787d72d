// Reads what stages and jobs have in common: name, dependencies, condition, variables.
import { parseExpression } from './expression.ts';
import { inOrder, type Dependent } from './order.ts';
import type { Place, VariableDefinition } from './pipeline-model.ts';
import { conditionOf } from './scalars.ts';
import { refusal } from './yaml-tree.ts';
import type { YamlValue } from './yaml-value.ts';

/** The fields of a mapping whose keys were checked. */
export type Fields = Readonly<Record<string, YamlValue | undefined>>;

/** The stage or job that a shorter form of the file leaves out. */
export function onlyPart(place: Place, name: string, condition: string) {
  const nothing: readonly never[] = [];
  return {
    place,
    name,
    displayName: name,
    dependsOn: nothing,
    variables: nothing,
    condition: parseExpression(condition),
  };
}

/** What every stage and job has. */
export function partOf({
  item,
  name,
  fields,
  variables,
}: {
  readonly item: YamlValue;
  readonly name: string;
  readonly fields: Fields;
  readonly variables: readonly VariableDefinition[];
}) {
  return {
    place: item.place,
    name,
    displayName: fields.displayName?.text() ?? name,
    dependsOn: dependencies(fields.dependsOn) ?? [],
    condition: conditionOf(fields.condition),
    variables,
  };
}

/** The name that a stage or job must have. */
export function nameOf(value: YamlValue | undefined, item: YamlValue, kind: string): string {
  const name = value?.text() ?? item.refuse(`"${kind}" is missing`, `Begin the entry with ${kind}: NAME.`);
  if (!/^[A-Za-z_]\w*$/.test(name)) {
    (value ?? item).refuse(`"${name}" is no name of a ${kind}`, 'Use letters, digits and underscores.');
  }
  return name;
}

/** The names of `dependsOn:`; undefined where it is left out. */
export function dependencies(value: YamlValue | undefined): readonly string[] | undefined {
  if (value === undefined) return undefined;
  if (value.isList) return value.list().map((entry) => entry.text());
  const name = value.text();
  return name === '' ? [] : [name];
}

/** Stages or jobs in the order in which they run. */
export function sorted<Item extends Dependent & { readonly place: Place }>(
  items: readonly Item[],
  kind: string,
): readonly Item[] {
  for (const [index, { name, place }] of items.entries()) {
    if (items.slice(0, index).some((other) => other.name.toLowerCase() === name.toLowerCase())) {
      throw refusal(place, `there are two of the name ${name}`, `Give each ${kind} a name of its own.`);
    }
  }
  return inOrder(items, ({ place }, problem) => {
    throw refusal(place, problem, 'Correct dependsOn.');
  });
}
