// What the agent takes from a task.json, and the checks that it allows before the task starts.
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { nearest } from './nearest.ts';
import { isVisible } from '../../lib/agent/visible-rule.ts';

export interface TaskInput {
  readonly name: string;
  readonly type: string;
  readonly aliases?: readonly string[];
  readonly defaultValue?: string | boolean | number;
  readonly required?: boolean | string;
  readonly visibleRule?: string;
  /** The rule of its group, which hides all inputs in it. */
  readonly groupRule?: string | undefined;
  readonly options?: Readonly<Record<string, string>>;
  readonly properties?: Readonly<Record<string, string>>;
}

export interface Restrictions {
  readonly commands: 'any' | 'restricted';
  /** Names or patterns; undefined where the task may set every variable. */
  readonly settableVariables: readonly string[] | undefined;
}

export interface TaskDefinition {
  readonly folder: string;
  readonly id: string;
  readonly name: string;
  readonly version: string;
  readonly inputs: readonly TaskInput[];
  readonly outputs: readonly string[];
  readonly restrictions: Restrictions;
  /** Handler name, such as `Node24`, to the file that it runs. */
  readonly handlers: Readonly<Record<string, string>>;
}

/** The parts of a task.json that count here, as they stand in the file. */
interface TaskJson {
  readonly id: string;
  readonly name: string;
  readonly version: { readonly Major: number; readonly Minor: number; readonly Patch: number };
  readonly inputs?: readonly (TaskInput & { readonly groupName?: string })[];
  readonly groups?: readonly { readonly name: string; readonly visibleRule?: string }[];
  readonly outputVariables?: readonly { readonly name: string }[];
  readonly restrictions?: {
    readonly commands?: { readonly mode?: string };
    readonly settableVariables?: { readonly allowed?: readonly string[] };
  };
  readonly execution?: Readonly<Record<string, { readonly target: string }>>;
}

/** Reads the task.json of a packed task. Throws `TASK_NOT_FOUND` where there is none. */
export async function readTaskDefinition(folder: string): Promise<TaskDefinition> {
  const text = await readFile(join(folder, 'task.json'), 'utf8').catch((cause: unknown) => {
    throw new DeliveryError('TASK_NOT_FOUND', {
      message: `There is no packed task in ${folder}.`,
      remedy: 'Run npm run build, and check the name of the task.',
      cause,
    });
  });
  const json = JSON.parse(text) as TaskJson;
  return {
    folder,
    id: json.id,
    name: json.name,
    version: `${json.version.Major}.${json.version.Minor}.${json.version.Patch}`,
    inputs: (json.inputs ?? []).map(({ groupName, ...input }) => {
      return { ...input, groupRule: json.groups?.find(({ name }) => name === groupName)?.visibleRule };
    }),
    outputs: (json.outputVariables ?? []).map(({ name }) => name),
    restrictions: {
      commands: json.restrictions?.commands?.mode?.toLowerCase() === 'restricted' ? 'restricted' : 'any',
      settableVariables: json.restrictions?.settableVariables?.allowed,
    },
    handlers: Object.fromEntries(Object.entries(json.execution ?? {}).map(([name, { target }]) => [name, target])),
  };
}

/**
 * The values that the task gets: those given, under their proper names, and the defaults of the others.
 *
 * A required input must be given or have a default. One that is given and empty passes, as with the real service,
 * which cannot know what a variable will hold: the task itself has to say so.
 *
 * Throws `INPUT_UNKNOWN`, `INPUT_TWICE`, `INPUT_MISSING` or `INPUT_INVALID`, naming the input.
 */
export function inputValues(
  task: TaskDefinition,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, string>> {
  const named = properNames(task, given);
  const values = Object.fromEntries(
    task.inputs.map((input) => [input.name, named.get(input.name) ?? String(input.defaultValue ?? '')]),
  );
  for (const input of task.inputs) checkInput(task, input, values, named.has(input.name));
  return values;
}

function properNames(task: TaskDefinition, given: Readonly<Record<string, string>>): ReadonlyMap<string, string> {
  const values = new Map<string, string>();
  for (const [name, value] of Object.entries(given)) {
    const input = task.inputs.find((candidate) => namesOf(candidate).some((known) => same(known, name)));
    if (input === undefined) throw unknownInput(task, name);
    if (values.has(input.name)) {
      throw new DeliveryError('INPUT_TWICE', {
        message: `${task.name} gets its input ${input.name} twice (${namesOf(input).join(', ')}).`,
        remedy: 'Keep one of the two.',
      });
    }
    values.set(input.name, value);
  }
  return values;
}

function namesOf(input: TaskInput): readonly string[] {
  return [input.name, ...(input.aliases ?? [])];
}

function same(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase();
}

function unknownInput(task: TaskDefinition, name: string): DeliveryError {
  const known = task.inputs.flatMap(namesOf);
  const guess = nearest(name, known);
  return new DeliveryError('INPUT_UNKNOWN', {
    message: `${task.name} has no input ${name}.`,
    remedy: guess === undefined ? `Its inputs are: ${known.join(', ')}.` : `Did you mean ${guess}?`,
  });
}

function isShown({ groupRule, visibleRule }: TaskInput, values: Readonly<Record<string, string>>): boolean {
  return isVisible(groupRule, values) && isVisible(visibleRule, values);
}

function checkInput(
  task: TaskDefinition,
  input: TaskInput,
  values: Readonly<Record<string, string>>,
  isGiven: boolean,
): void {
  const value = values[input.name] ?? '';
  const required = String(input.required ?? false).toLowerCase() === 'true';
  if (required && value === '' && !isGiven && isShown(input, values)) {
    throw new DeliveryError('INPUT_MISSING', {
      message: `${task.name} needs its input ${input.name}.`,
      remedy: `Add ${input.name} to the inputs of the step.`,
    });
  }
  // A macro that is still there is judged when the step begins, or by the task.
  if (value === '' || !isGiven || value.includes('$(')) return;
  const words = fixedWords(input);
  if (words !== undefined && !words.some((word) => same(word, value))) {
    const guess = nearest(value, words);
    throw new DeliveryError('INPUT_INVALID', {
      message: `The input ${input.name} of ${task.name} is "${value}".`,
      remedy: `Use one of: ${words.join(', ')}.${guess === undefined ? '' : ` Did you mean ${guess}?`}`,
    });
  }
}

/** The only values that an input may have; undefined where it is free. */
function fixedWords(input: TaskInput): readonly string[] | undefined {
  const type = input.type.toLowerCase();
  if (type === 'boolean') return ['true', 'false'];
  if (type !== 'picklist' && type !== 'radio') return undefined;
  if (input.properties?.EditableOptions?.toLowerCase() === 'true') return undefined;
  return input.options === undefined ? undefined : Object.keys(input.options);
}
