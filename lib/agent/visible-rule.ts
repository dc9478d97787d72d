// `visibleRule` of task.json: an input that is not visible is neither required nor used.

const COMPARISONS: Readonly<Record<string, (value: string, operand: string) => boolean>> = {
  '=': (value, operand) => value === operand,
  '==': (value, operand) => value === operand,
  '!=': (value, operand) => value !== operand,
  in: (value, operand) => operand.split(',').some((word) => word.trim() === value),
  notin: (value, operand) => !operand.split(',').some((word) => word.trim() === value),
  contains: (value, operand) => value.includes(operand),
  notcontains: (value, operand) => !value.includes(operand),
  startswith: (value, operand) => value.startsWith(operand),
  endswith: (value, operand) => value.endsWith(operand),
};

/** Whether the rule holds for these values. `&&` binds more than `||`; comparisons ignore case. */
export function isVisible(rule: string | undefined, values: Readonly<Record<string, string>>): boolean {
  if (rule === undefined || rule.trim() === '') return true;
  return rule.split('||').some((alternative) => alternative.split('&&').every((term) => holds(term, values)));
}

function holds(term: string, values: Readonly<Record<string, string>>): boolean {
  const [, name = '', operator = '', operand = ''] = /^\s*(\w+)\s*(==|!=|=|\s\w+\s)\s*(.*?)\s*$/.exec(term) ?? [];
  const compare = COMPARISONS[operator.trim().toLowerCase()];
  if (compare === undefined) throw new Error(`The visibleRule "${term.trim()}" cannot be read.`);
  return compare((values[name] ?? '').toLowerCase(), operand.replace(/^(["'])(.*)\1$/, '$2').toLowerCase());
}
