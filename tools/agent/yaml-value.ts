// A value of a YAML file as the pipeline reads it: with its template expressions replaced, and with its line in each error.
import type { ExpressionValue } from './expression.ts';
import { nearest } from './nearest.ts';
import type { Place } from './pipeline-model.ts';
import { expandedEntries, expandedItems, resolved } from './template-expansion.ts';
import type { TemplateContext } from './template-context.ts';
import { replaceExpressions } from './template-text.ts';
import { writtenAt } from './template-value.ts';
import { parseTree, refusal, type YamlTree } from './yaml-tree.ts';

/** One value of a YAML file: a text, a list or a mapping. Reading it as something that it is not throws `YAML_INVALID`. */
export class YamlValue {
  readonly place: Place;
  /** What template expressions know here; undefined in a file that has none. */
  readonly context: TemplateContext | undefined;
  readonly #written: YamlTree;
  /** What the value belongs to, for errors: `the step`, `inputs`. */
  readonly #title: string;

  constructor(tree: YamlTree, title: string, context?: TemplateContext) {
    this.place = tree.place;
    this.context = context;
    this.#written = tree;
    this.#title = title;
  }

  /** The same value where template expressions know this. */
  in(context: TemplateContext): YamlValue {
    return new YamlValue(this.#written, this.#title, context);
  }

  /** The same value where these variables are known as well. */
  knowing(variables: Readonly<Record<string, string>>): YamlValue {
    if (this.context === undefined) return this;
    const { variables: outer, given } = this.context;
    return this.in({ ...this.context, variables: { ...outer, ...variables, ...given } });
  }

  get isText(): boolean {
    return this.#tree.kind === 'text';
  }

  get isList(): boolean {
    return this.#tree.kind === 'list';
  }

  text(): string {
    const tree = this.#tree;
    if (tree.kind !== 'text') return this.refuse(`${this.#title} must be a text`, 'Write one value behind the colon.');
    return this.context === undefined ? tree.text : replaceExpressions(tree.text, this.context, this.place);
  }

  list(): readonly YamlValue[] {
    return [...this.items()];
  }

  /** The entries of a list, each read when it is asked for. */
  *items(): Generator<YamlValue> {
    const tree = this.#tree;
    if (tree.kind !== 'list') return this.refuse(`${this.#title} must be a list`, 'Begin each entry with a hyphen.');
    const { context } = this;
    const title = `an entry of ${this.#title}`;
    if (context === undefined) yield* tree.items.map((item) => new YamlValue(item, title));
    else for (const { part, known } of expandedItems(tree, context)) yield new YamlValue(part, title, known);
  }

  /** All entries of a mapping whose keys are free, each read when it is asked for. */
  *entries(): Generator<readonly [string, YamlValue]> {
    const tree = this.#tree;
    if (tree.kind !== 'mapping') {
      return this.refuse(`${this.#title} must be a mapping`, 'Write lines of "key: value".');
    }
    const { context } = this;
    const expanded =
      context === undefined ? tree.entries.map((part) => ({ part, known: undefined })) : expandedEntries(tree, context);
    const seen = new Set<string>();
    for (const { part, known } of expanded) {
      const name = part.key.text;
      if (seen.has(name)) throw refusal(part.key.place, `${this.#title} has "${name}" twice`, 'Keep one of them.');
      seen.add(name);
      yield [name, new YamlValue(part.value, name, known)];
    }
  }

  /**
   * The entries of a mapping of which every key must be known.
   *
   * @param unsupported keys that Azure Pipelines knows and this agent does not
   */
  fields(
    known: readonly string[],
    unsupported: readonly string[] = [],
  ): Readonly<Record<string, YamlValue | undefined>> {
    const entries = [...this.entries()];
    for (const [name, value] of entries) {
      if (known.includes(name)) continue;
      if (unsupported.includes(name)) {
        value.refuse(
          `"${name}" of ${this.#title} is not supported`,
          'The local agent cannot run this; see docs/local-agent.md.',
        );
      }
      const guess = nearest(name, known);
      value.refuse(
        `${this.#title} has the unknown keyword "${name}"`,
        guess === undefined ? `It may have: ${known.join(', ')}.` : `Did you mean ${guess}?`,
      );
    }
    return Object.fromEntries(entries);
  }

  keys(): readonly string[] {
    return [...this.entries()].map(([name]) => name);
  }

  /** The value as expressions see it. */
  value(): ExpressionValue {
    if (this.isText) return this.text();
    if (this.isList)
      return writtenAt(
        this.list().map((item) => item.value()),
        this.place,
      );
    return writtenAt(Object.fromEntries([...this.entries()].map(([name, field]) => [name, field.value()])), this.place);
  }

  refuse(problem: string, remedy: string): never {
    throw refusal(this.place, problem, remedy);
  }

  get #tree(): YamlTree {
    return this.context === undefined ? this.#written : resolved(this.#written, this.context);
  }
}

/** Reads a YAML text; see {@link parseTree}. */
export function parseYaml(text: string, file: string, title: string): YamlValue {
  return new YamlValue(parseTree(text, file), title);
}
