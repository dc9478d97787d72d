import assert from 'node:assert/strict';
import { parseJsonPath } from '../../../../lib/probe/json-path.ts';
import { type CaseFile, readCaseFile } from '../../../../lib/probe/cases/case-file.ts';
import { encodeRequest } from '../../../../lib/probe/cases/embedded-files.ts';
import { EXACTLY } from '../../../../lib/probe/same.ts';
import { TestFolder } from '../../../support/model-folder.ts';

const DEFAULTS = { answerPath: parseJsonPath('$.result'), topK: undefined, tolerance: EXACTLY };

describe('a file of score cases', () => {
  let folder: TestFolder;
  beforeEach(() => (folder = new TestFolder()));
  afterEach(() => folder.remove());

  const read = (name: string, content: string): Promise<CaseFile> => {
    folder.write('.', { [name]: content });
    return readCaseFile(folder.at(name), DEFAULTS);
  };
  /** What is sent for each case, with its name and what is expected. */
  const sent = async ({ cases, folder: at }: CaseFile): Promise<readonly unknown[]> =>
    Promise.all(
      cases.map(async (each) => {
        const { contentType, body } = await encodeRequest(each, at);
        return [each.name, contentType, String(body), each.expected];
      }),
    );

  it('is JSON: a list, or an object with a list', async () => {
    const list = '[{"name": "two", "request": {"input": [1, 2]}, "expected": 2}, {"request": "hello"}]';
    const expected = [
      ['two', 'application/json', '{"input":[1,2]}', 2],
      ['case 2', 'application/json', '"hello"', undefined],
    ];
    assert.deepEqual(await sent(await read('cases.json', list)), expected);
    assert.deepEqual(await sent(await read('cases.json', `\uFEFF{"cases": ${list}}`)), expected);
  });

  it('is JSON lines', async () => {
    const file = await read('cases.jsonl', '{"request": 1, "expected": 1}\n\n{"request": 2, "expected": null}\r\n');
    assert.deepEqual(await sent(file), [
      ['line 1', 'application/json', '1', 1],
      ['line 3', 'application/json', '2', null],
    ]);
  });

  it('is CSV, whose further columns are fields of the request', async () => {
    folder.write('.', { 'two.png': Buffer.from([1, 2, 255]), 'two.txt': 'zwei' });
    const file = await read(
      'cases.csv',
      'name,x1,zip,on,file:image,text:note,tolerance,expected\ntwo,1.5,"01234",true,two.png,two.txt,0.1,2\nthree,,b,,,,,"3"\n',
    );
    assert.deepEqual(await sent(file), [
      ['two', 'application/json', '{"x1":1.5,"zip":"01234","on":true,"image":"AQL/","note":"zwei"}', 2],
      ['three', 'application/json', '{"zip":"b"}', '3'],
    ]);
    assert.equal(file.cases[0]?.tolerance.absolute, 0.1);
  });

  it('may have fields in CSV that are called like columns of a case', async () => {
    const file = await read('cases.csv', 'field:name,expected,relativeTolerance\nAda,1,0.5\n');
    assert.deepEqual(await sent(file), [['line 2', 'application/json', '{"name":"Ada"}', 1]]);
    assert.equal(file.cases[0]?.tolerance.relative, 0.5);
  });

  it('takes the whole request as JSON from a column of CSV', async () => {
    const file = await read('cases.csv', 'request,expected\n"{""input"": [1, 2]}","[0.5, 1]"\n');
    assert.deepEqual(await sent(file), [['line 2', 'application/json', '{"input":[1,2]}', [0.5, 1]]]);
  });

  it('puts files in their places anywhere in a request, and sends a file as it is', async () => {
    folder.write('images', { 'a.png': Buffer.from('AAA') });
    const file = await read(
      'cases.json',
      '[{"request": {"instances": [{"image": {"$file": "images/a.png"}}]}}, {"requestFile": "images/a.png", "contentType": "image/png"}]',
    );
    assert.deepEqual(await sent(file), [
      ['case 1', 'application/json', '{"instances":[{"image":"QUFB"}]}', undefined],
      ['case 2', 'image/png', 'AAA', undefined],
    ]);
  });

  for (const [name, content, place, problem] of [
    ['a.json', '[\n  {"request": 1,}\n]', 'line 2, column 17', /not JSON/],
    ['a.json', '{"case": []}', 'line 1, column 1', /a list of cases is expected/],
    ['a.json', '[{"request": 1},\n 7]', 'line 2, column 2', /a case is an object/],
    ['a.json', '[{"request": 1,\n "expcted": 2}]', 'line 2, column 13', /no field "expcted"/],
    ['a.json', '[{"expected": 1}]', 'line 1, column 2', /request is missing/],
    ['a.json', '[{"request": 1, "topK": 0}]', 'line 1, column 25', /topK is a number from 1/],
    ['a.json', '[{"request": 1, "tolerance": "0.1"}]', 'line 1, column 30', /tolerance is a number from 0, not "0.1"/],
    ['a.json', '[{"request": 1, "answerPath": "$.a["}]', 'line 1, column 31', /cannot be read from "\["/],
    ['a.json', '[{"request": 1, "assert": [{"path": "$.a", "min": "x"}]}]', 'line 1, column 51', /min is a number/],
    ['a.json', '[{"request": 1, "assert": [{"min": 1}]}]', 'line 1, column 28', /path is missing/],
    ['a.json', '[{"request": 1, "assert": [{"path": "$", "matches": "("}]}]', 'line 1, column 53', /Invalid regular/],
    ['a.json', '[{"request": 1, "requestFile": "a.json"}]', 'line 1, column 32', /both given/],
    ['a.jsonl', '{"request": 1}\n{"request": }\n', 'line 2, column 13', /not JSON/],
    ['a.jsonl', '{"request": 1}\n{"request": 1, "status": 7}\n', 'line 2, column 26', /status is a number from 100/],
    ['a.csv', 'x,expected\n1,2\n1,2,3\n', 'line 3, column 1', /3 cells, the first one has 2/],
    ['a.csv', 'x,x\n1,2\n', 'line 1, column 3', /two columns "x"/],
    ['a.csv', 'x,tolerance\n1,much\n', 'line 2, column 3', /tolerance is a number/],
    ['a.csv', 'request\n{"a"\n', 'line 2, column 1', /./],
    ['a.csv', 'x,expected\n1,"2\n', 'line 2, column 3', /never closed/],
  ] as const) {
    it(`says where the mistake is: ${JSON.stringify(content)}`, async () => {
      await assert.rejects(read(name, content), (error: { code: string; message: string }) => {
        assert.equal(error.code, 'CASES_INVALID');
        assert.ok(error.message.includes(place), error.message);
        assert.match(error.message, problem);
        return true;
      });
    });
  }

  for (const [name, content, problem] of [
    ['a.json', '[]', /has no cases/],
    ['a.csv', 'x,expected\n', /has no cases/],
    ['a.txt', '[{"request": 1}]', /does not tell its format/],
  ] as const) {
    it(`is refused: ${name} with ${JSON.stringify(content)}`, async () => {
      await assert.rejects(read(name, content), { code: 'CASES_INVALID', message: problem });
    });
  }

  it('must be there, and so must the files that it names', async () => {
    await assert.rejects(readCaseFile(folder.at('none.json'), DEFAULTS), { code: 'CASES_NOT_FOUND' });
    await assert.rejects(read('a.json', '[{"name": "cat", "request": {"$file": "cat.png"}}]'), {
      code: 'CASE_FILE_MISSING',
      message: /"cat" .*cat\.png, which is not there/,
    });
  });
});
