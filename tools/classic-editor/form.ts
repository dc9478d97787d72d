// What the classic editor shows of a task: its task.json, with the inputs of one step filled in.
import { isVisible } from '../../lib/agent/visible-rule.ts';
import { SAMPLE_VALUES } from './sample-values.ts';

/** The parts of a task.json that the editor shows. */
export interface TaskJson {
  readonly name: string;
  readonly friendlyName: string;
  readonly instanceNameFormat: string;
  readonly version: { readonly Major: number };
  readonly groups?: readonly Group[];
  readonly inputs: readonly Input[];
  readonly dataSourceBindings?: readonly { readonly target: string }[];
  readonly outputVariables?: readonly { readonly name: string }[];
}

interface Group {
  readonly name: string;
  readonly displayName: string;
  readonly isExpanded: boolean;
  readonly visibleRule?: string;
}

interface Input {
  readonly name: string;
  readonly type: string;
  readonly label: string;
  readonly required?: boolean;
  readonly defaultValue?: string;
  readonly groupName?: string;
  readonly visibleRule?: string;
  readonly options?: Readonly<Record<string, string>>;
  readonly properties?: Readonly<Record<string, string>>;
}

/** One input as it is drawn. */
export interface Field {
  readonly kind: 'text' | 'lines' | 'list' | 'connection' | 'checkbox';
  readonly label: string;
  readonly required: boolean;
  /** What stands in it; of a checkbox `true` or `false`. */
  readonly value: string;
  /** Its list is filled by asking a service, so there is a button to ask again. */
  readonly refreshes: boolean;
  /** Height in lines of text. */
  readonly lines: number;
}

/** Fields under one heading, or at the top, where there is none. */
export interface Section {
  readonly title: string | undefined;
  readonly expanded: boolean;
  readonly fields: readonly Field[];
}

/** A task as it looks in the classic editor. */
export interface Form {
  readonly name: string;
  readonly friendlyName: string;
  readonly version: string;
  readonly displayName: string;
  readonly sections: readonly Section[];
  readonly outputs: readonly string[];
}

/** The form of a task, with defaults and sample values; inputs that these values hide are left out, as the editor does. */
export function formOf(task: TaskJson): Form {
  const values = Object.fromEntries(task.inputs.map((input) => [input.name, valueOf(task.name, input)]));
  const shown = task.inputs.filter(({ visibleRule }) => isVisible(visibleRule, values));
  const refreshing = new Set(task.dataSourceBindings?.map(({ target }) => target));
  const fieldsOf = (group: string | undefined): readonly Field[] =>
    shown
      .filter(({ groupName }) => groupName === group)
      .map((input) => fieldOf(input, values[input.name] ?? '', refreshing.has(input.name)));
  const groups = (task.groups ?? []).filter(({ visibleRule }) => isVisible(visibleRule, values));
  return {
    name: task.name,
    friendlyName: task.friendlyName,
    version: `${task.version.Major}.*`,
    displayName: task.instanceNameFormat.replace(/\$\((\w+)\)/g, (_, name: string) => values[name] ?? ''),
    sections: [
      { title: undefined, expanded: true, fields: fieldsOf(undefined) },
      ...groups.map(({ name, displayName, isExpanded }): Section => {
        return { title: displayName, expanded: isExpanded, fields: fieldsOf(name) };
      }),
    ].filter(({ fields }) => fields.length > 0),
    outputs: (task.outputVariables ?? []).map(({ name }) => name),
  };
}

function valueOf(task: string, { name, defaultValue = '' }: Input): string {
  return SAMPLE_VALUES[task]?.[name] ?? defaultValue;
}

function fieldOf(
  { type, label, required = false, options, properties }: Input,
  value: string,
  refreshes: boolean,
): Field {
  const kind = kindOf(type);
  return {
    kind,
    label,
    required,
    value: options?.[value] ?? value,
    refreshes: refreshes || kind === 'connection',
    lines: kind === 'lines' ? Number(properties?.rows ?? 4) : 1,
  };
}

function kindOf(type: string): Field['kind'] {
  if (type.startsWith('connectedService:')) return 'connection';
  switch (type) {
    case 'pickList':
      return 'list';
    case 'multiLine':
      return 'lines';
    case 'boolean':
      return 'checkbox';
    case 'string':
    case 'filePath':
      return 'text';
    default:
      throw new Error(`Nobody has drawn an input of the type ${type} yet.`);
  }
}
