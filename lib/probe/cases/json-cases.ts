import { messageOf } from '../../errors/delivery-error.ts';
import { jsonFault, placeAt, type TextPlace } from '../../errors/json-fault.ts';
import { isList, isObject, type JsonValue } from '../json-value.ts';
import { CaseFileFault } from './case-file-fault.ts';
import { CaseFault, type CasePlace } from './fields.ts';
import { type CaseDefaults, readCase, type ScoreCase } from './score-case.ts';

/**
 * Reads cases from a JSON list of them, or from an object whose field `cases` is one.
 *
 * @throws CaseFileFault
 */
export async function jsonCases(text: string, defaults: CaseDefaults): Promise<readonly ScoreCase[]> {
  const value = parse(text);
  const within = isObject(value) && isList(value.cases) ? ['cases'] : [];
  const items = isObject(value) ? value.cases : value;
  if (!isList(items)) {
    throw new CaseFileFault(
      { line: 1, column: 1 },
      'a list of cases is expected, or an object with such a list in "cases"',
    );
  }
  const cases: ScoreCase[] = [];
  for (const [index, item] of items.entries()) {
    cases.push(await caseOf(text, item, { within: [...within, index], name: `case ${index + 1}`, defaults }));
  }
  return cases;
}

/**
 * Reads cases from JSON lines: one case a line; empty lines are left out.
 *
 * @throws CaseFileFault
 */
export async function jsonLinesCases(text: string, defaults: CaseDefaults): Promise<readonly ScoreCase[]> {
  const cases: ScoreCase[] = [];
  for (const [index, line] of text.split(/\r?\n/).entries()) {
    if (line.trim() === '') continue;
    try {
      cases.push(await caseOf(line, parse(line), { within: [], name: `line ${index + 1}`, defaults }));
    } catch (error) {
      if (!(error instanceof CaseFileFault)) throw error;
      throw new CaseFileFault({ ...error.place, line: index + 1 }, error.message);
    }
  }
  return cases;
}

function parse(text: string): JsonValue {
  try {
    return JSON.parse(text) as JsonValue;
  } catch (error) {
    throw new CaseFileFault(jsonFault(text), `this is not JSON: ${messageOf(error)}`);
  }
}

async function caseOf(
  text: string,
  item: JsonValue,
  { within, name, defaults }: { readonly within: CasePlace; readonly name: string; readonly defaults: CaseDefaults },
): Promise<ScoreCase> {
  try {
    return readCase(item, name, defaults);
  } catch (error) {
    if (!(error instanceof CaseFault)) throw error;
    throw new CaseFileFault(await placeIn(text, [...within, ...error.place]), error.message);
  }
}

/** Where a value stands. JSON's own parser does not tell, and that of YAML, which does, is loaded only to point at a mistake. */
async function placeIn(text: string, path: CasePlace): Promise<TextPlace> {
  const { isNode, parseDocument } = await import('yaml');
  const node = parseDocument(text, { schema: 'json', logLevel: 'silent' }).getIn(path, true);
  return placeAt(text, isNode(node) ? (node.range?.[0] ?? 0) : 0);
}
