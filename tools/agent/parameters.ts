// `parameters:` of a pipeline or a template: their types, and the values given for them.
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { ExpressionValue } from './expression.ts';
import { nearest } from './nearest.ts';
import { writtenAt } from './template-value.ts';
import { parseYaml, YamlValue } from './yaml-value.ts';

export type ParameterValues = Readonly<Record<string, ExpressionValue>>;
export type ListKind = 'stages' | 'jobs' | 'steps';
/** The entries of a list, with those of the templates that it names. */
export type ListReader = (list: YamlValue, kind: ListKind) => readonly YamlValue[];

interface Parameter {
  readonly name: string;
  readonly type: ParameterType;
  readonly standard: YamlValue | undefined;
  readonly allowed: readonly string[] | undefined;
  /** Where it is declared. */
  readonly at: YamlValue;
}

/** Reads a value of each type; throws `YAML_INVALID` where it is of another. */
const TYPES = {
  string: textOf,
  number: numberOf,
  boolean: truthOf,
  object: (value: YamlValue): ExpressionValue => value.value(),
  step: mappingOf,
  stepList: listOf('steps'),
  job: mappingOf,
  jobList: listOf('jobs'),
  deployment: mappingOf,
  deploymentList: listOf('jobs'),
  stage: mappingOf,
  stageList: listOf('stages'),
} as const satisfies Readonly<Record<string, (value: YamlValue, name: string, read: ListReader) => ExpressionValue>>;

type ParameterType = keyof typeof TYPES;

/**
 * Values of a pipeline's parameters, of which some are given on the command line; there, objects and lists are YAML.
 * Throws `PARAMETER_UNKNOWN`, or `YAML_INVALID` with the line of the parameter.
 */
export function pipelineParameters(
  declared: YamlValue | undefined,
  given: Readonly<Record<string, string>>,
): ParameterValues {
  const parameters = declaredParameters(declared);
  const names = parameters.map(({ name }) => name);
  const unknown = Object.keys(given).find((name) => !names.includes(name));
  if (unknown !== undefined) throw unknownParameter(unknown, names);
  return Object.fromEntries(
    parameters.map((parameter) => {
      const { name, type, at, standard } = parameter;
      const text = given[name];
      const value = text === undefined ? standard : fromCommandLine(text, type, at);
      return [
        name,
        value === undefined
          ? at.refuse(`the parameter ${name} has no default and no value`, `Give it with --param ${name}=VALUE.`)
          : typed(parameter, value, (list) => list.list()),
      ];
    }),
  );
}

/**
 * Values of a template's parameters. Throws `YAML_INVALID` with the line of the call for one that is missing, unknown
 * or wrong.
 */
export function templateParameters(
  declared: YamlValue | undefined,
  given: YamlValue | undefined,
  call: YamlValue,
  read: ListReader,
): ParameterValues {
  const parameters = declaredParameters(declared);
  const values = new Map(given?.entries() ?? []);
  for (const [name, value] of values) {
    if (parameters.some((parameter) => parameter.name === name)) continue;
    const { message, remedy } = unknownParameter(
      name,
      parameters.map((parameter) => parameter.name),
    );
    value.refuse(message.replace(/^The pipeline/, 'the template').replace(/\.$/, ''), remedy);
  }
  return Object.fromEntries(
    parameters.map((parameter) => {
      const { name, type, standard } = parameter;
      const value = values.get(name) ?? standard;
      if (value === undefined) {
        return call.refuse(`the template needs its parameter ${name} (${type})`, `Add ${name} to its parameters.`);
      }
      return [name, typed(parameter, value, read)];
    }),
  );
}

function declaredParameters(declared: YamlValue | undefined): readonly Parameter[] {
  return (declared?.list() ?? []).map((at) => {
    const fields = at.fields(['name', 'displayName', 'type', 'default', 'values']);
    const name = fields.name?.text() ?? at.refuse('the parameter has no name', 'Give it one.');
    const type = fields.type?.text() ?? 'string';
    if (!isType(type)) {
      return at.refuse(
        `the type "${type}" of the parameter ${name} is not supported`,
        `The local agent knows ${Object.keys(TYPES).join(', ')}.`,
      );
    }
    return { name, type, at, standard: fields.default, allowed: fields.values?.list().map((value) => value.text()) };
  });
}

function isType(type: string): type is ParameterType {
  return Object.hasOwn(TYPES, type);
}

function fromCommandLine(text: string, type: ParameterType, { place }: YamlValue): YamlValue {
  const isText = type === 'string' || type === 'number' || type === 'boolean';
  return isText ? new YamlValue({ kind: 'text', text, place }, 'the value') : parseYaml(text, '--param', 'the value');
}

function typed({ name, type, allowed }: Parameter, value: YamlValue, read: ListReader): ExpressionValue {
  const result = TYPES[type](value, name, read);
  if (allowed !== undefined && !allowed.includes(value.text())) {
    value.refuse(`the parameter ${name} is "${value.text()}"`, `Use one of: ${allowed.join(', ')}.`);
  }
  return result;
}

function textOf(value: YamlValue, name: string): string {
  return value.isText ? value.text() : value.refuse(`the parameter ${name} must be a text`, 'Give one value.');
}

function numberOf(value: YamlValue, name: string): number {
  const text = textOf(value, name);
  if (text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
  return value.refuse(`the parameter ${name} is "${text}"`, 'Give a number.');
}

function truthOf(value: YamlValue, name: string): boolean {
  const text = textOf(value, name);
  if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
  return value.refuse(`the parameter ${name} is "${text}"`, 'Give true or false.');
}

function mappingOf(value: YamlValue, name: string): ExpressionValue {
  if (!value.isText && !value.isList) return value.value();
  return value.refuse(`the parameter ${name} must be a mapping`, 'Write lines of "key: value".');
}

/** Reads a list; the templates that it names are read where it stands, not where it goes. */
function listOf(kind: ListKind) {
  return (value: YamlValue, name: string, read: ListReader): ExpressionValue => {
    if (!value.isList) value.refuse(`the parameter ${name} must be a list`, 'Begin each entry with a hyphen.');
    return writtenAt(
      read(value, kind).map((entry) => entry.value()),
      value.place,
    );
  };
}

function unknownParameter(name: string, known: readonly string[]): DeliveryError {
  const guess = nearest(name, known);
  return new DeliveryError('PARAMETER_UNKNOWN', {
    message: `The pipeline has no parameter ${name}.`,
    remedy: guess === undefined ? `It has: ${known.join(', ') || 'none'}.` : `Did you mean ${guess}?`,
  });
}
