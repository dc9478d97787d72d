// The content of a YAML file, in which every value knows its line.
import { isAlias, isMap, isScalar, isSeq, LineCounter, parseAllDocuments, type Node } from 'yaml';
import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import { textOf } from './expression-functions.ts';
import type { Place } from './pipeline-model.ts';

export interface YamlText {
  readonly kind: 'text';
  readonly text: string;
  readonly place: Place;
}

export interface YamlList {
  readonly kind: 'list';
  readonly items: readonly YamlTree[];
  readonly place: Place;
}

export interface YamlMapping {
  readonly kind: 'mapping';
  readonly entries: readonly YamlEntry[];
  readonly place: Place;
}

export interface YamlEntry {
  readonly key: YamlText;
  readonly value: YamlTree;
}

export type YamlTree = YamlText | YamlList | YamlMapping;

/** The error of something in a YAML file; its message begins with file and line. */
export function refusal({ file, line }: Place, problem: string, remedy: string): DeliveryError {
  return new DeliveryError('YAML_INVALID', { message: `${file}:${line}: ${problem}.`, remedy });
}

/**
 * Reads a YAML text that holds one document. All scalars are texts, as Azure Pipelines takes them; a key that stands
 * twice is an error, unless it is a template expression. Throws `YAML_INVALID` with the line.
 */
export function parseTree(text: string, file: string): YamlTree {
  const lines = new LineCounter();
  const documents = parseAllDocuments(text, {
    lineCounter: lines,
    schema: 'failsafe',
    uniqueKeys: (one, other) => isScalar(one) && isScalar(other) && one.value === other.value && !isTemplate(one.value),
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
  return treeOf(document?.contents ?? null, lines, place);
}

function treeOf(node: Node | null, lines: LineCounter, around: Place): YamlTree {
  const offset = node?.range?.[0];
  const place = offset === undefined ? around : { ...around, line: lines.linePos(offset).line };
  if (isAlias(node)) throw refusal(place, `*${node.source} is an alias`, 'Azure Pipelines knows no aliases.');
  if (isSeq(node)) {
    return { kind: 'list', place, items: node.items.map((item) => treeOf(item as Node | null, lines, place)) };
  }
  if (isMap(node)) {
    const entries = node.items.map(({ key, value }) => {
      const name = treeOf(key as Node | null, lines, place);
      if (name.kind !== 'text') throw refusal(name.place, 'a key must be a text', 'Write lines of "key: value".');
      return { key: name, value: treeOf(value as Node | null, lines, name.place) };
    });
    return { kind: 'mapping', place, entries };
  }
  return { kind: 'text', place, text: isScalar(node) ? textOf(node.value as string | null) : '' };
}

function isTemplate(key: unknown): boolean {
  return typeof key === 'string' && key.trimStart().startsWith('${{');
}
