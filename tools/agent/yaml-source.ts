// A YAML file whose every value knows its line, so that each error can say where.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Node } from 'yaml';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { textOf } from './expression-functions.ts';
import { nearest } from './nearest.ts';
import type { Place } from './pipeline-model.ts';

/** Replaces what a scalar holds before it is used, such as `${{ }}`. */
export type Substitute = (text: string, place: Place) => string;

/** One value of a YAML file: a text, a list or a mapping. Reading it as something that it is not throws `YAML_INVALID`. */
export class YamlValue {
  readonly place: Place;
  readonly #node: Node | null;
  readonly #lines: LineCounter;
  /** What the value belongs to, for errors: `the step`, `inputs`. */
  readonly #title: string;

  constructor(node: Node | null, { lines, place, title }: { lines: LineCounter; place: Place; title: string }) {
    const offset = node?.range?.[0];
    this.place = offset === undefined ? place : { ...place, line: lines.linePos(offset).line };
    this.#node = node;
    this.#lines = lines;
    this.#title = title;
    if (isAlias(node)) this.refuse(`${title} is an alias (*${node.source})`, 'Azure Pipelines knows no aliases.');
  }

  get isText(): boolean {
    return this.#node === null || isScalar(this.#node);
  }

  get isList(): boolean {
    return isSeq(this.#node);
  }

  text(substitute: Substitute): string {
    if (this.#node === null) return '';
    if (!isScalar(this.#node)) return this.refuse(`${this.#title} must be a text`, 'Write one value behind the colon.');
    return substitute(textOf(this.#node.value as string | null), this.place);
  }

  list(): readonly YamlValue[] {
    if (!isSeq(this.#node)) return this.refuse(`${this.#title} must be a list`, 'Begin each entry with a hyphen.');
    return this.#node.items.map((item) => this.#child(item as Node | null, `an entry of ${this.#title}`));
  }

  /** All entries of a mapping whose keys are free. */
  entries(): readonly (readonly [string, YamlValue])[] {
    if (!isMap(this.#node)) return this.refuse(`${this.#title} must be a mapping`, 'Write lines of "key: value".');
    return this.#node.items.map(({ key, value }) => {
      const name = isScalar(key) ? String(key.value) : '';
      const at = this.#child(key as Node | null, name);
      if (name.trim().startsWith('${{')) {
        at.refuse(`"${name}" is a template expression as a key`, 'The local agent does not know these; write it out.');
      }
      return [name, this.#child(value as Node | null, name, at.place)];
    });
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
    for (const [name, value] of this.entries()) {
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
    return Object.fromEntries(this.entries());
  }

  keys(): readonly string[] {
    return this.entries().map(([name]) => name);
  }

  refuse(problem: string, remedy: string): never {
    throw refusal(this.place, problem, remedy);
  }

  #child(node: Node | null, title: string, place = this.place): YamlValue {
    return new YamlValue(node, { lines: this.#lines, place, title });
  }
}

/** The error of something in a YAML file; its message begins with file and line. */
export function refusal({ file, line }: Place, problem: string, remedy: string): DeliveryError {
  return new DeliveryError('YAML_INVALID', { message: `${file}:${line}: ${problem}.`, remedy });
}

/**
 * Reads a YAML text that holds one document. All scalars are texts, as Azure Pipelines takes them; a key that stands
 * twice is an error.
 */
export function parseYaml(text: string, file: string, title: string): YamlValue {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    schema: 'failsafe',
    uniqueKeys: true,
    prettyErrors: false,
  });
  const [document, second] = Array.isArray(documents) ? documents : [];
  const place = { file, line: 1 };
  const [error] = document?.errors ?? [];
  if (error !== undefined) {
    const line = lines.linePos(error.pos[0]).line;
    throw refusal({ file, line }, `the YAML does not parse: ${error.message.replace(/\.$/, '')}`, 'Correct that line.');
  }
  if (second !== undefined) throw refusal(place, 'the file holds several documents', 'Keep one.');
  return new YamlValue(document?.contents ?? null, { lines, place, title });
}
