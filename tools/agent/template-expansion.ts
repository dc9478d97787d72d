// Insertions into lists and mappings: `${{ if }}`, `${{ each }}`, `${{ insert }}`, and lists that an expression gives.
import type { ExpressionValue } from './expression.ts';
import { isTruthy } from './expression-functions.ts';
import type { Place } from './pipeline-model.ts';
import { evaluate, replaceExpressions, wholeExpression, type KnownValues } from './template-text.ts';
import { treeOfValue } from './template-value.ts';
import { refusal, type YamlEntry, type YamlList, type YamlMapping, type YamlText, type YamlTree } from './yaml-tree.ts';

/** A part of the file together with what is known in it. */
export interface Expanded<Part, Known extends KnownValues> {
  readonly part: Part;
  readonly known: Known;
}

/** What stands at a place: the value of the expression, where the text is one and nothing else. */
export function resolved(tree: YamlTree, known: KnownValues): YamlTree {
  const expression = tree.kind === 'text' ? wholeExpression(tree.text) : undefined;
  return expression === undefined ? tree : treeOfValue(evaluate(expression, known, tree.place), tree.place);
}

/** The entries of a list with all that is inserted into it. Each is expanded when it is asked for. */
export function* expandedItems<Known extends KnownValues>(
  list: YamlList,
  known: Known,
): Generator<Expanded<YamlTree, Known>> {
  const chain = new Chain();
  for (const item of list.items) {
    const insertion = insertionOf(item);
    if (insertion !== undefined) {
      for (const inner of chain.applications(insertion.directive, known)) {
        const body = resolved(insertion.body, inner);
        if (body.kind !== 'list') throw wrongBody(insertion, 'list', 'Begin each entry below it with a hyphen.');
        yield* expandedItems(body, inner);
      }
      continue;
    }
    chain.end();
    const part = resolved(item, known);
    if (part !== item && part.kind === 'list') yield* expandedItems(part, known);
    else yield { part, known };
  }
}

/** The entries of a mapping with all that is inserted into it. Each is expanded when it is asked for. */
export function* expandedEntries<Known extends KnownValues>(
  mapping: YamlMapping,
  known: Known,
): Generator<Expanded<YamlEntry, Known>> {
  const chain = new Chain();
  for (const { key, value } of mapping.entries) {
    const directive = directiveOf(key);
    if (directive === undefined) {
      chain.end();
      yield { part: { key: { ...key, text: replaceExpressions(key.text, known, key.place) }, value }, known };
      continue;
    }
    for (const inner of chain.applications(directive, known)) {
      const body = resolved(value, inner);
      if (body.kind !== 'mapping') {
        throw wrongBody({ directive, body: value }, 'mapping', 'Write lines of "key: value" below it.');
      }
      yield* expandedEntries(body, inner);
    }
  }
}

interface Directive {
  readonly word: 'if' | 'elseif' | 'else' | 'each' | 'insert';
  /** What follows the word. */
  readonly rest: string;
  readonly place: Place;
}

interface Insertion {
  readonly directive: Directive;
  readonly body: YamlTree;
}

/** What a list's entry inserts into the list. A mapping that begins with `each` may be one entry itself, made of pairs. */
function insertionOf(item: YamlTree): Insertion | undefined {
  const [entry, other] = item.kind === 'mapping' ? item.entries : [];
  const directive = entry === undefined || other !== undefined ? undefined : directiveOf(entry.key);
  if (directive === undefined || entry === undefined) return undefined;
  const isEntryOfPairs = entry.value.kind === 'mapping' && (directive.word === 'each' || directive.word === 'insert');
  return isEntryOfPairs ? undefined : { directive, body: entry.value };
}

function directiveOf(key: YamlText): Directive | undefined {
  const expression = wholeExpression(key.text)?.trim();
  const [, word, rest = ''] = /^(if|elseif|else|each|insert)\b(.*)$/s.exec(expression ?? '') ?? [];
  return word === undefined ? undefined : { word: word as Directive['word'], rest, place: key.place };
}

function wrongBody({ directive, body }: Insertion, kind: string, remedy: string): Error {
  return refusal(body.place, `what "\${{ ${directive.word} }}" inserts here must be a ${kind}`, remedy);
}

/** One `if` with its `elseif` and `else`, which stand behind one another. */
class Chain {
  /** Whether a branch was taken; undefined outside of a chain. */
  #isTaken: boolean | undefined;

  end(): void {
    this.#isTaken = undefined;
  }

  /** What is known in the body of a directive, once for each time that the body is inserted. */
  applications<Known extends KnownValues>({ word, rest, place }: Directive, known: Known): readonly Known[] {
    switch (word) {
      case 'if':
        this.#isTaken = isTruthy(evaluate(rest, known, place));
        return this.#isTaken ? [known] : [];
      case 'elseif':
      case 'else': {
        if (this.#isTaken === undefined) {
          throw refusal(place, `"\${{ ${word} }}" follows no if`, 'Put it right behind the entries of an if.');
        }
        const holds = !this.#isTaken && (word === 'else' || isTruthy(evaluate(rest, known, place)));
        this.#isTaken = word === 'else' ? undefined : this.#isTaken || holds;
        return holds ? [known] : [];
      }
      case 'each':
        this.end();
        return rounds(rest, known, place);
      case 'insert':
        this.end();
        return [known];
    }
  }
}

function rounds<Known extends KnownValues>(rest: string, known: Known, place: Place): readonly Known[] {
  const [, name, expression] = /^\s*([A-Za-z_]\w*)\s+in\s(.+)$/s.exec(rest) ?? [];
  if (name === undefined || expression === undefined) {
    throw refusal(place, `"each${rest.trimEnd()}" cannot be read`, 'Write it as ${{ each NAME in EXPRESSION }}.');
  }
  const value = evaluate(expression, known, place);
  if (value === null || value === '') return [];
  if (typeof value !== 'object') {
    throw refusal(place, `${expression.trim()} is neither a list nor a mapping`, 'Use each on one of them.');
  }
  const items: readonly ExpressionValue[] = isList(value)
    ? value
    : Object.entries(value).map(([key, field]) => ({ key, value: field }));
  return items.map((item) => ({ ...known, loop: { ...known.loop, [name]: item } }));
}

function isList(value: object): value is readonly ExpressionValue[] {
  return Array.isArray(value);
}
