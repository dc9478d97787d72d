// `parameters:` of a pipeline, with the values given on the command line.
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { ExpressionValue } from './expression.ts';
import { nearest } from './nearest.ts';
import type { YamlValue } from './yaml-source.ts';

const asIs = (text: string): string => text;

/** Values of all parameters. Throws `PARAMETER_UNKNOWN`, or an error that names the line of the parameter. */
export function parameterValues(
  declared: YamlValue | undefined,
  given: Readonly<Record<string, string>>,
): Readonly<Record<string, ExpressionValue>> {
  const values = new Map<string, ExpressionValue>();
  for (const parameter of declared?.list() ?? []) {
    const fields = parameter.fields(['name', 'displayName', 'type', 'default', 'values']);
    const name = fields.name?.text(asIs) ?? parameter.refuse('the parameter has no name', 'Give it one.');
    values.set(name, valueOf({ parameter, name, fields, given: given[name] }));
  }
  for (const name of Object.keys(given)) {
    if (!values.has(name)) throw unknownParameter(name, [...values.keys()]);
  }
  return Object.fromEntries(values);
}

function valueOf({
  parameter,
  name,
  fields,
  given,
}: {
  readonly parameter: YamlValue;
  readonly name: string;
  readonly fields: Readonly<Record<string, YamlValue | undefined>>;
  readonly given: string | undefined;
}): ExpressionValue {
  const text =
    given ??
    fields.default?.text(asIs) ??
    parameter.refuse(`the parameter ${name} has no default and no value`, `Give it with --param ${name}=VALUE.`);
  const allowed = fields.values?.list().map((value) => value.text(asIs));
  if (allowed !== undefined && !allowed.includes(text)) {
    parameter.refuse(`the parameter ${name} is "${text}"`, `Use one of: ${allowed.join(', ')}.`);
  }
  const type = fields.type?.text(asIs) ?? 'string';
  switch (type) {
    case 'string':
      return text;
    case 'number':
      if (text.trim() !== '' && Number.isFinite(Number(text))) return Number(text);
      return parameter.refuse(`the parameter ${name} is "${text}"`, 'Give a number.');
    case 'boolean':
      if (/^(true|false)$/i.test(text)) return text.toLowerCase() === 'true';
      return parameter.refuse(`the parameter ${name} is "${text}"`, 'Give true or false.');
    default:
      return parameter.refuse(
        `the type "${type}" of the parameter ${name} is not supported`,
        'The local agent knows string, number and boolean.',
      );
  }
}

function unknownParameter(name: string, known: readonly string[]): DeliveryError {
  const guess = nearest(name, known);
  return new DeliveryError('PARAMETER_UNKNOWN', {
    message: `The pipeline has no parameter ${name}.`,
    remedy: guess === undefined ? `It has: ${known.join(', ') || 'none'}.` : `Did you mean ${guess}?`,
  });
}
