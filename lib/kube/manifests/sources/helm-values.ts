import { parseDocument, isScalar } from 'yaml';
import { DeliveryError } from '../../../errors/delivery-error.ts';

/** Values of a chart as its templates see them. */
export type Values = Readonly<Record<string, unknown>>;

/**
 * Makes nested values of paths such as `image.tag`, as `helm --set` does: `\.` is a dot within a name, numbers and
 * true/false are such unless they stand in quotes. Items of lists have no path: lists belong into a file.
 *
 * @throws DeliveryError `CHART_INVALID`
 */
export function nestedValues(values: Readonly<Record<string, string>>): Values {
  return Object.entries(values).reduce<Values>(
    (nested, [path, text]) => withValue(nested, namesOf(path), scalarOf(text), path),
    {},
  );
}

function namesOf(path: string): readonly string[] {
  const names = path.split(/(?<!\\)\./).map((name) => name.replaceAll('\\.', '.'));
  if (names.some((name) => name === '' || /[[\],{}]/.test(name))) {
    throw notAPath(path, 'Write names with dots between them, such as image.tag; lists belong into valueFiles.');
  }
  return names;
}

function withValue(values: Values, [name = '', ...rest]: readonly string[], value: unknown, path: string): Values {
  const there = Object.hasOwn(values, name) ? values[name] : undefined;
  if (rest.length === 0) {
    if (there === undefined) return { ...values, [name]: value };
    throw notAPath(path, 'It is given twice, or also has values below it.');
  }
  if (there !== undefined && (typeof there !== 'object' || there === null)) {
    throw notAPath(path, 'A part of it has a value of its own.');
  }
  return { ...values, [name]: withValue((there ?? {}) as Values, rest, value, path) };
}

/** A value in the words of YAML; what is more than one scalar there is a text. */
function scalarOf(text: string): unknown {
  const { contents, errors } = parseDocument(text, { logLevel: 'silent' });
  const isWhole = errors.length === 0 && isScalar(contents) && contents.tag === undefined && !text.includes('\n');
  return isWhole ? contents.value : text;
}

function notAPath(path: string, remedy: string): DeliveryError {
  return new DeliveryError('CHART_INVALID', {
    message: `The input setValues has "${path}", which cannot be set.`,
    remedy,
  });
}
