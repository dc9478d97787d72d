import type { TextPlace } from '../../errors/json-fault.ts';
import type { JsonValue } from '../json-value.ts';
import { CaseFileFault } from './case-file-fault.ts';
import { type CsvCell, csvRows } from './csv.ts';
import { CaseFault } from './fields.ts';
import { type CaseDefaults, readCase, type ScoreCase } from './score-case.ts';

/** Columns that say something of the case itself; all others are fields of its request. */
const OWN = [
  ...['name', 'request', 'requestFile', 'contentType', 'status'],
  ...['expected', 'answerPath', 'topK', 'tolerance', 'relativeTolerance'],
];
/** Of these, those that are always text. */
const TEXTS = ['name', 'requestFile', 'contentType', 'answerPath'];

/**
 * Reads cases from CSV. The first line names the columns: those of a case, and fields of the request, where `file:image` makes a field
 * `image` of a file in base64, `text:note` one of a file's text, and `field:name` one that is called like a column of a case.
 *
 * @throws CaseFileFault
 */
export function* csvCases(text: string, defaults: CaseDefaults): Generator<ScoreCase> {
  let heading: readonly CsvCell[] | undefined;
  for (const row of csvRows(text)) {
    if (heading === undefined) {
      heading = checkHeading(row);
      continue;
    }
    if (row.length !== heading.length) {
      throw new CaseFileFault(placeOf(row), `this line has ${row.length} cells, the first one has ${heading.length}`);
    }
    yield caseOf(
      row,
      heading.map((cell) => cell.text.trim()),
      defaults,
    );
  }
}

function checkHeading(heading: readonly CsvCell[]): readonly CsvCell[] {
  for (const [index, cell] of heading.entries()) {
    const name = cell.text.trim();
    if (name === '') throw new CaseFileFault(cell, 'this column has no name');
    const isTwice = heading.slice(0, index).some((other) => other.text.trim() === name);
    if (isTwice) throw new CaseFileFault(cell, `there are two columns ${JSON.stringify(name)}`);
  }
  return heading;
}

function caseOf(row: readonly CsvCell[], columns: readonly string[], defaults: CaseDefaults): ScoreCase {
  const fields: Record<string, JsonValue> = {};
  const request: Record<string, JsonValue> = {};
  for (const [index, column] of columns.entries()) {
    const cell = row[index];
    if (cell === undefined || (cell.text === '' && !cell.isQuoted)) continue;
    if (OWN.includes(column)) fields[column] = valueOf(cell, column);
    else Object.assign(request, requestField(cell, column));
  }
  if (Object.keys(request).length > 0 && fields.request !== undefined) {
    throw new CaseFileFault(placeOf(row), 'the column request and columns that are fields of it cannot be together');
  }
  const whole = Object.keys(request).length > 0 ? { ...fields, request } : fields;
  try {
    return readCase(whole, `line ${placeOf(row).line}`, defaults);
  } catch (error) {
    if (!(error instanceof CaseFault)) throw error;
    throw new CaseFileFault(row[columns.indexOf(String(error.place[0]))] ?? placeOf(row), error.message);
  }
}

function requestField(cell: CsvCell, column: string): Readonly<Record<string, JsonValue>> {
  const [, kind, field = ''] = /^(file|text|field):(.+)$/.exec(column) ?? [];
  if (kind === undefined || kind === 'field') return { [kind === undefined ? column : field]: valueOf(cell, column) };
  return { [field]: { [`$${kind}`]: cell.text } };
}

/** Numbers, `true`, `false`, `null`, lists and objects are what they look like, unless they stand in quotes. */
function valueOf(cell: CsvCell, column: string): JsonValue {
  if (TEXTS.includes(column)) return cell.text;
  const looksLikeJson = /^\s*[[{]/.test(cell.text);
  if (cell.isQuoted && !looksLikeJson) return cell.text;
  try {
    return JSON.parse(cell.text) as JsonValue;
  } catch {
    if (column === 'request' || looksLikeJson) throw new CaseFileFault(cell, `this cell of ${column} is not JSON`);
    return cell.text;
  }
}

function placeOf(row: readonly CsvCell[]): TextPlace {
  return row[0] ?? { line: 1, column: 1 };
}
