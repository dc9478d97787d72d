import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Agent } from './agent.ts';
import { isVisible } from './visible-rule.ts';

/** What matters here of a task.json. */
export interface InputRules {
  readonly inputs: readonly {
    readonly name: string;
    readonly defaultValue?: string | boolean;
    readonly groupName?: string;
    readonly visibleRule?: string;
  }[];
  readonly groups?: readonly { readonly name: string; readonly visibleRule?: string }[];
}

/**
 * Warns of inputs that have a value and no effect, because of what another input chooses: `tagFilter` without `select: tag`
 * would else be a condition that nobody keeps to. The classic editor hides them, YAML does not.
 */
export function warnOfUnusedInputs(agent: Agent): void {
  const file = join(dirname(process.argv[1] ?? ''), 'task.json');
  if (!existsSync(file)) return;
  const rules = JSON.parse(readFileSync(file, 'utf8')) as InputRules;
  const unused = unusedInputs(rules, (name) => agent.inputs.textOfEarlierRun(name));
  for (const { name, rule } of unused) {
    agent.warn(
      `The input ${name} has no effect here: it counts only where ${rule}. Remove it, or change the other input.`,
    );
  }
}

/** The inputs that have a value other than their default although their rule, or that of their group, hides them. */
export function unusedInputs(
  { inputs, groups = [] }: InputRules,
  valueOf: (name: string) => string | undefined,
): readonly { readonly name: string; readonly rule: string }[] {
  const values = Object.fromEntries(inputs.map(({ name }) => [name, valueOf(name) ?? '']));
  return inputs.flatMap(({ name, groupName, visibleRule, defaultValue = '' }) => {
    const groupRule = groups.find((group) => group.name === groupName)?.visibleRule;
    const rule = [groupRule, visibleRule].find((candidate) => !isVisible(candidate, values));
    const isDefault = ['', String(defaultValue).toLowerCase()].includes((values[name] ?? '').toLowerCase());
    return rule === undefined || isDefault ? [] : [{ name, rule }];
  });
}
