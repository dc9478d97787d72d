import { isScalar, parseDocument, Scalar, visit } from 'yaml';
import type { Document, ParseOptions } from 'yaml';

/** Gives the value of a token `#{name}#`; undefined where there is none. */
export type TokenValues = (name: string) => string | undefined;

/** A token that has no value, and where it stands in the text. */
export interface MissingToken {
  readonly name: string;
  readonly offset: number;
}

const TOKEN = /#\{( *)([\w.-]+)( *)\}#/g;
/** Characters without meaning of their own (Unicode's private use area), which YAML takes for part of a word. */
const [HASH, OPEN, CLOSE, SPACE] = ['\ue000', '\ue001', '\ue002', '\ue003'];
const DISGUISED = new RegExp(`${HASH}${OPEN}${SPACE}*([\\w.-]+)${SPACE}*${CLOSE}${HASH}`, 'g');

/**
 * Makes tokens readable to a YAML parser, to which `#{tag}#` begins a comment or a map. Nothing moves, so lines and
 * columns stay what they are.
 */
export function disguiseTokens(text: string): string {
  const spaces = (run: string): string => SPACE.repeat(run.length);
  return text.replace(
    TOKEN,
    (_, before: string, name: string, after: string) =>
      HASH + OPEN + spaces(before) + name + spaces(after) + CLOSE + HASH,
  );
}

/**
 * Puts values where the disguised tokens of a parsed document are. A value is never more than a value, whatever is in it: it
 * cannot add keys or items, nor end a quoted text. Without quotes around it, it means what it would mean as it stands there: a
 * number, a truth value, or a text.
 *
 * @returns the tokens that have no value
 */
export function replaceTokens(
  document: Document,
  text: string,
  valueOf: TokenValues,
  options: ParseOptions,
): readonly MissingToken[] {
  const missing: MissingToken[] = [];
  visit(document, {
    Scalar: (_, node) => {
      if (typeof node.value !== 'string' || !node.value.includes(HASH)) return;
      const start = node.range?.[0] ?? 0;
      const filled = node.value.replace(DISGUISED, (token, name: string) => {
        const value = valueOf(name);
        if (value === undefined) missing.push({ name, offset: Math.max(start, text.indexOf(token, start)) });
        return value ?? token;
      });
      node.value = node.type === Scalar.PLAIN && node.tag === undefined ? plainValue(filled, options) : filled;
    },
  });
  return missing;
}

/** What a text without quotes means; one that would be more than a scalar is just a text. */
function plainValue(text: string, options: ParseOptions): unknown {
  const { contents, errors } = parseDocument(text, { ...options, logLevel: 'silent' });
  const isWhole =
    errors.length === 0 && isScalar(contents) && contents.type === Scalar.PLAIN && contents.source === text;
  return isWhole && contents.tag === undefined ? contents.value : text;
}
