import assert from 'node:assert/strict';
import { parseJsonPath } from '../../../lib/probe/json-path.ts';
import type { JsonValue } from '../../../lib/probe/json-value.ts';

const ANSWER: JsonValue = {
  result: 2,
  predictions: [
    { label: 'cat', score: 0.9 },
    { label: 'dog', score: 0.1 },
  ],
  model: { 'a.b': 'v1', "it's": true },
  none: null,
};

describe('a JSON path', () => {
  for (const [path, found] of [
    ['$', [ANSWER]],
    ['$.result', [2]],
    ['$.none', [null]],
    ['$.predictions[0].label', ['cat']],
    ['$.predictions[-1].label', ['dog']],
    ['$.predictions[*].label', ['cat', 'dog']],
    ['$.predictions[:1].label', ['cat']],
    ['$.predictions[ 1 : 9 ].score', [0.1]],
    ["$.model['a.b']", ['v1']],
    ['$["model"]["a.b"]', ['v1']],
    ["$.model['it\\'s']", [true]],
    ['$..score', [0.9, 0.1]],
    ['$.predictions[0].*', ['cat', 0.9]],
    ['$.missing.deep', []],
    ['$.predictions[7]', []],
    ['$.predictions[-7]', []],
    ['$..[0].label', ['cat']],
    ['$.result[0]', []],
    ['$.constructor', []],
    ['$.__proto__', []],
  ] as const) {
    it(`${path} finds ${JSON.stringify(found).slice(0, 40)}`, () => {
      assert.deepEqual(parseJsonPath(path).find(ANSWER), found);
    });
  }

  for (const [path, from] of [
    ['result', 'does not begin with $'],
    ['$.', '"."'],
    ['$.a[', '"["'],
    ['$.a[]', '"[]"'],
    ['$.a[?(@.b)]', '"[?(@.b)]"'],
    ['$...a', '"...a"'],
    ['$.a b', '" b"'],
    ['$a', '"a"'],
  ] as const) {
    it(`cannot be ${path}, and it says from where on`, () => {
      assert.throws(() => parseJsonPath(path), {
        name: 'JsonPathFault',
        message: new RegExp(from.replace(/[$[\]?.()]/g, '\\$&')),
      });
    });
  }
});
