import assert from 'node:assert/strict';
import { readPropertiesFile } from '../../../lib/model/properties-file.ts';
import { TestFolder } from '../../support/model-folder.ts';

describe('a file of properties', () => {
  let folder: TestFolder;

  beforeEach(() => {
    folder = new TestFolder();
  });
  afterEach(() => folder.remove());

  const read = (text: string): Promise<Readonly<Record<string, string>>> =>
    readPropertiesFile(`${folder.write('m', { 'm.json': text })}/m.json`);

  it('gives each value by its path, as text', async () => {
    assert.deepEqual(
      await read('\uFEFF{"accuracy": 0.97, "test": {"f1": [0.9, 1], "best": true, "note": "a=b"}, "none": null}'),
      {
        accuracy: '0.97',
        'test.f1.0': '0.9',
        'test.f1.1': '1',
        'test.best': 'true',
        'test.note': 'a=b',
        none: 'null',
      },
    );
  });

  it('says where it is wrong', async () => {
    const cases: readonly (readonly [string, RegExp])[] = [
      ['{"a": 1,\n "b": }', /m\.json is not JSON in line 2: /],
      ['[1]', /holds no JSON object/],
      ['"text"', /holds no JSON object/],
      ['{"a.b": 1, "a": {"b": 2}}', /gives a\.b twice/],
      ['{"": 1}', /the key "", which no property can have/],
      ['{"a=b": 1}', /the key "a=b"/],
    ];
    for (const [text, message] of cases) {
      await assert.rejects(read(text), { code: 'PROPERTIES_INVALID', message }, text);
    }
    await assert.rejects(readPropertiesFile(folder.at('none.json')), {
      code: 'PROPERTIES_INVALID',
      message: /cannot be read/,
    });
  });
});
