import { DeliveryError } from '../errors/delivery-error.ts';

/** Where inputs come from: the agent in a task, a plain object in a test. */
export type InputSource = (name: string) => string | undefined;

/** The least and the greatest number that will do. */
interface Range {
  readonly min: number;
  readonly max: number;
}

/**
 * Reads a task's inputs into types. Each method throws a {@link DeliveryError} `INPUT_MISSING` or `INPUT_INVALID`
 * that names the input. White space around a value is never meant and is removed.
 */
export class Inputs {
  readonly #source: InputSource;

  constructor(source: InputSource) {
    this.#source = source;
  }

  /** A value that must be there. */
  text(name: string): string {
    const value = this.optionalText(name);
    if (value === undefined) {
      throw new DeliveryError('INPUT_MISSING', {
        message: `The input ${name} is empty.`,
        remedy: `Give ${name} a value; if it comes from a variable, check that the variable is set where this task runs.`,
      });
    }
    return value;
  }

  /** A value that may be left out. A macro that the agent left in place, `$(name)`, is a variable that does not exist. */
  optionalText(name: string): string | undefined {
    const value = this.#value(name);
    const variable = unsetVariable(value);
    if (variable === undefined) return value;
    throw this.#invalid(
      name,
      `holds $(${variable}), a variable that is not set`,
      `Set the variable ${variable} or correct its name.`,
    );
  }

  /** A value that an earlier run leaves in a variable. Before there was one, the variable does not exist, and the value is left out. */
  textOfEarlierRun(name: string): string | undefined {
    const value = this.#value(name);
    return unsetVariable(value) === undefined ? value : undefined;
  }

  /** `true` or `false`; left out means `false`. */
  flag(name: string): boolean {
    const value = this.optionalText(name)?.toLowerCase();
    if (value === undefined || value === 'false') return false;
    if (value === 'true') return true;
    throw this.#invalid(name, `is "${value}"`, 'Use true or false.');
  }

  /** A whole number from `min` to `max`, both included. */
  integer(name: string, range: Range): number {
    return this.#wholeNumber(name, this.text(name), range);
  }

  /** A whole number from `min` to `max`, both included, which may be left out. */
  optionalInteger(name: string, range: Range): number | undefined {
    const text = this.optionalText(name);
    return text === undefined ? undefined : this.#wholeNumber(name, text, range);
  }

  /** A number from `min` to `max`, both included, which may be left out. */
  optionalNumber(name: string, { min, max }: Range): number | undefined {
    const text = this.optionalText(name);
    if (text === undefined) return undefined;
    const value = /^-?\d+(?:\.\d+)?(?:e[+-]?\d+)?$/i.test(text) ? Number(text) : Number.NaN;
    if (value >= min && value <= max) return value;
    const range = max === Infinity ? `of at least ${min}` : `from ${min} to ${max}`;
    throw this.#invalid(name, `is "${text}"`, `Use a number ${range}.`);
  }

  /** One of a fixed list of words. Case does not matter. */
  choice<const Word extends string>(name: string, words: readonly Word[]): Word {
    const text = this.text(name);
    const word = words.find((candidate) => candidate.toLowerCase() === text.toLowerCase());
    if (word === undefined) throw this.#invalid(name, `is "${text}"`, `Use one of: ${words.join(', ')}.`);
    return word;
  }

  /** One value a line; empty lines are left out. */
  lines(name: string): readonly string[] {
    return (this.optionalText(name) ?? '')
      .split(/\r?\n/)
      .map((line) => line.trim())
      .filter((line) => line !== '');
  }

  /** `key=value` lines, in order; a key given twice is refused. The value may hold further `=`. */
  pairs(name: string): Readonly<Record<string, string>> {
    const pairs = new Map<string, string>();
    for (const line of this.lines(name)) {
      const equals = line.indexOf('=');
      if (equals < 1) throw this.#invalid(name, `has the line "${line}"`, 'Write each line as key=value.');
      const key = line.slice(0, equals).trim();
      if (pairs.has(key)) throw this.#invalid(name, `gives ${key} twice`, 'Keep one of the two lines.');
      pairs.set(key, line.slice(equals + 1).trim());
    }
    return Object.fromEntries(pairs);
  }

  #wholeNumber(name: string, text: string, { min, max }: Range): number {
    const value = Number(text);
    if (/^-?\d+$/.test(text) && value >= min && value <= max) return value;
    throw this.#invalid(name, `is "${text}"`, `Use a whole number from ${min} to ${max}.`);
  }

  #value(name: string): string | undefined {
    const value = this.#source(name)?.trim();
    return value === '' ? undefined : value;
  }

  #invalid(name: string, problem: string, remedy: string): DeliveryError {
    return new DeliveryError('INPUT_INVALID', { message: `The input ${name} ${problem}.`, remedy });
  }
}

/** The name in a macro that the agent left in place. */
function unsetVariable(value: string | undefined): string | undefined {
  return /^\$\(([\w.]+)\)$/.exec(value ?? '')?.[1];
}
