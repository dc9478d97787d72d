import type { TextPlace } from '../../errors/json-fault.ts';
import { CaseFileFault } from './case-file-fault.ts';

/** A cell and where it begins. */
export interface CsvCell extends TextPlace {
  readonly text: string;
  /** A quoted cell is a text whatever stands in it. */
  readonly isQuoted: boolean;
}

// RFC 4180, 2: a quoted cell, in which "" stands for a quote, or one without quotes; then a comma, the end of the line or of the text.
const CELL = /(?:"(?<quoted>(?:[^"]|"")*)"|(?<plain>[^",\r\n]*))(?<end>,|\r?\n|\r|$)/y;

/**
 * Reads the rows of a CSV text (RFC 4180: commas between cells, quotes around those that hold commas, quotes or line ends).
 * Empty lines are left out.
 *
 * @throws CaseFileFault
 */
export function* csvRows(text: string): Generator<readonly CsvCell[]> {
  let row: CsvCell[] = [];
  let [position, line, lineStart] = [0, 1, 0];
  while (position < text.length || row.length > 0) {
    const place = { line, column: position - lineStart + 1 };
    CELL.lastIndex = position;
    const match = CELL.exec(text);
    if (match === null) throw new CaseFileFault(place, faultAt(text, position));
    const { quoted, plain = '', end } = match.groups ?? {};
    row.push({ ...place, text: quoted?.replaceAll('""', '"') ?? plain, isQuoted: quoted !== undefined });
    // A quoted cell may hold line ends as well.
    for (const [lineEnd] of match[0].matchAll(/\r?\n|\r/g)) {
      line += 1;
      lineStart = position + match[0].lastIndexOf(lineEnd) + lineEnd.length;
    }
    position += match[0].length;
    if (end === ',') continue;
    if (row.length > 1 || row.some((cell) => cell.isQuoted || cell.text !== '')) yield row;
    row = [];
  }
}

function faultAt(text: string, position: number): string {
  if (text[position] !== '"') return 'a quote stands within a cell that does not begin with one';
  return 'the quote that begins here is never closed, or more than a comma follows its end';
}
