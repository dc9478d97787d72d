// Expressions of Azure Pipelines, as they stand in `condition:`, in `$[ ]` and in `${{ }}`.
import { FUNCTIONS, isTruthy, textOf, type ExpressionValue } from './expression-functions.ts';

export type { ExpressionValue } from './expression-functions.ts';

/** What went before, as `succeeded()` and its kin ask; names are those given as arguments. */
export interface StatusTests {
  succeeded(names: readonly string[]): boolean;
  failed(names: readonly string[]): boolean;
  succeededOrFailed(names: readonly string[]): boolean;
  canceled(): boolean;
}

export interface ExpressionContext {
  /** Top-level names, such as `variables` or `dependencies`. */
  readonly values: Readonly<Record<string, ExpressionValue>>;
  /** Absent where there is nothing to ask yet, as in `${{ }}`. */
  readonly status?: StatusTests;
}

/** An expression that was read without fault and can be evaluated as often as needed. */
export interface Expression {
  readonly text: string;
  evaluate(context: ExpressionContext): ExpressionValue;
}

/** Thrown for anything that is no expression; the message quotes what is wrong. */
export class ExpressionError extends Error {
  override readonly name = 'ExpressionError';
}

type Evaluate = (context: ExpressionContext) => ExpressionValue;

const STATUS_FUNCTIONS: ReadonlySet<string> = new Set([
  'succeeded',
  'failed',
  'succeededorfailed',
  'canceled',
  'always',
]);
const TOKEN =
  /\s*(?:(?<text>'(?:[^']|'')*')|(?<number>-?\d+(?:\.\d+)?)(?![\w.])|(?<name>[A-Za-z_][\w-]*)|(?<sign>[()[\],.*]))/y;

interface Token {
  readonly kind: 'text' | 'number' | 'name' | 'sign';
  readonly value: string;
}

/** Reads an expression. Throws {@link ExpressionError} where it is malformed or uses a function that does not exist. */
export function parseExpression(text: string): Expression {
  const parser = new Parser(tokensOf(text), text);
  const evaluate = parser.whole();
  return { text, evaluate };
}

/** Whether a condition holds. */
export function holds(condition: Expression, context: ExpressionContext): boolean {
  return isTruthy(condition.evaluate(context));
}

function tokensOf(text: string): readonly Token[] {
  const tokens: Token[] = [];
  let at = 0;
  while (text.slice(at).trim() !== '') {
    TOKEN.lastIndex = at;
    const groups = TOKEN.exec(text)?.groups;
    if (groups === undefined) throw new ExpressionError(`"${text.slice(at).trim()}" cannot be read`);
    const [kind, value] = Object.entries(groups).find((entry) => (entry[1] as string | undefined) !== undefined) ?? [];
    tokens.push({ kind: kind as Token['kind'], value: value ?? '' });
    at = TOKEN.lastIndex;
  }
  return tokens;
}

/** Recursive descent over a grammar of literals, calls and property access. */
class Parser {
  readonly #tokens: readonly Token[];
  readonly #text: string;
  #at = 0;

  constructor(tokens: readonly Token[], text: string) {
    this.#tokens = tokens;
    this.#text = text;
  }

  whole(): Evaluate {
    const evaluate = this.#operand();
    const rest = this.#tokens[this.#at];
    if (rest !== undefined) throw new ExpressionError(`"${rest.value}" is too much in "${this.#text.trim()}"`);
    return evaluate;
  }

  #operand(): Evaluate {
    const token = this.#next();
    switch (token.kind) {
      case 'text': {
        const text = token.value.slice(1, -1).replaceAll("''", "'");
        return () => text;
      }
      case 'number': {
        const number = Number(token.value);
        return () => number;
      }
      case 'name':
        return this.#named(token.value);
      case 'sign':
        throw new ExpressionError(`"${token.value}" stands where a value belongs in "${this.#text.trim()}"`);
    }
  }

  #named(name: string): Evaluate {
    const lower = name.toLowerCase();
    if (lower === 'true' || lower === 'false') return () => lower === 'true';
    if (lower === 'null') return () => null;
    return this.#accessed(
      this.#skip('(') ? this.#call(name, this.#arguments()) : (context) => member(context.values, name),
    );
  }

  #accessed(base: Evaluate): Evaluate {
    let value = base;
    for (;;) {
      const owner = value;
      if (this.#skip('.')) {
        const { kind, value: name } = this.#next();
        if (kind !== 'name') throw new ExpressionError(`"${name}" is no name of a property in "${this.#text.trim()}"`);
        value = (context) => member(owner(context), name);
      } else if (this.#skip('[')) {
        const key = this.#operand();
        this.#expect(']');
        value = (context) => member(owner(context), textOf(key(context)));
      } else {
        return value;
      }
    }
  }

  #arguments(): readonly Evaluate[] {
    const given: Evaluate[] = [];
    if (this.#skip(')')) return given;
    do given.push(this.#operand());
    while (this.#skip(','));
    this.#expect(')');
    return given;
  }

  #call(name: string, given: readonly Evaluate[]): Evaluate {
    const lower = name.toLowerCase();
    if (STATUS_FUNCTIONS.has(lower)) return statusCall(lower, given);
    const known = FUNCTIONS[lower];
    if (known === undefined) throw new ExpressionError(`there is no function ${name}`);
    const [least, most] = known.arity;
    if (given.length < least || given.length > most) {
      throw new ExpressionError(`${name} takes ${arityText(least, most)}, not ${given.length}`);
    }
    return (context) => known.call(given.map((argument) => () => argument(context)));
  }

  #next(): Token {
    const token = this.#tokens[this.#at++];
    if (token === undefined) throw new ExpressionError(`"${this.#text.trim()}" ends too early`);
    return token;
  }

  #skip(sign: string): boolean {
    const token = this.#tokens[this.#at];
    if (token?.kind !== 'sign' || token.value !== sign) return false;
    this.#at += 1;
    return true;
  }

  #expect(sign: string): void {
    if (!this.#skip(sign)) throw new ExpressionError(`a "${sign}" is missing in "${this.#text.trim()}"`);
  }
}

function arityText(least: number, most: number): string {
  if (most === Infinity) return `${least} arguments or more`;
  return least === most ? `${least} arguments` : `${least} to ${most} arguments`;
}

function statusCall(name: string, given: readonly Evaluate[]): Evaluate {
  return (context) => {
    const { status } = context;
    if (status === undefined) throw new ExpressionError(`${name}() has nothing to ask about here`);
    const names = given.map((argument) => textOf(argument(context)));
    switch (name) {
      case 'succeeded':
        return status.succeeded(names);
      case 'failed':
        return status.failed(names);
      case 'succeededorfailed':
        return status.succeededOrFailed(names);
      case 'canceled':
        return status.canceled();
      default:
        return true;
    }
  };
}

/** A property by its name, without regard to case; what is not there is null. */
function member(owner: ExpressionValue, name: string): ExpressionValue {
  if (owner === null || typeof owner !== 'object') return null;
  if (Array.isArray(owner)) return (owner as readonly ExpressionValue[])[Number(name)] ?? null;
  const fields = owner as Readonly<Record<string, ExpressionValue>>;
  const key = Object.keys(fields).find((candidate) => candidate.toLowerCase() === name.toLowerCase());
  return key === undefined ? null : (fields[key] ?? null);
}
