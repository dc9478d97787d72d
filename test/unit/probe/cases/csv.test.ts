import assert from 'node:assert/strict';
import { csvRows } from '../../../../lib/probe/cases/csv.ts';

function textsOf(csv: string): readonly (readonly string[])[] {
  return [...csvRows(csv)].map((row) => row.map(({ text }) => text));
}

describe('CSV', () => {
  for (const [what, csv, rows] of [
    [
      'rows of cells',
      'a,b\n1,2\n',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    ['no line end at the end', 'a\n1', [['a'], ['1']]],
    ['line ends of Windows and of old', 'a\r\n1\r2', [['a'], ['1'], ['2']]],
    ['quotes around commas, quotes and line ends', '"a,b","c""d","e\nf"\n', [['a,b', 'c"d', 'e\nf']]],
    [
      'empty cells',
      ',a,\n"",\n',
      [
        ['', 'a', ''],
        ['', ''],
      ],
    ],
    ['empty lines, which count for nothing', '\n\na\n\n', [['a']]],
    ['a line that is one empty text in quotes', '""\n', [['']]],
    ['nothing', '', []],
  ] as const) {
    it(`knows ${what}`, () => assert.deepEqual(textsOf(csv), rows));
  }

  it('tells where each cell begins, also behind line ends in quotes', () => {
    const [row = []] = csvRows('"a\nbc",d,e');
    assert.deepEqual(
      row.map(({ line, column }) => [line, column]),
      [
        [1, 1],
        [2, 5],
        [2, 7],
      ],
    );
  });

  for (const [csv, line, column, problem] of [
    ['a,b\n1,"2\n3,4', 2, 3, /never closed/],
    ['a\n1"2"', 2, 1, /stands within a cell/],
    ['"a"b', 1, 1, /more than a comma follows/],
  ] as const) {
    it(`finds the mistake in ${JSON.stringify(csv)}`, () => {
      assert.throws(
        () => textsOf(csv),
        (error: { message: string; place: object }) => {
          assert.match(error.message, problem);
          assert.deepEqual(error.place, { line, column });
          return true;
        },
      );
    });
  }
});
