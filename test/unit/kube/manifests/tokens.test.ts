import assert from 'node:assert/strict';
import { parseManifest } from '../../../../lib/kube/manifests/parse.ts';

const HEAD = 'apiVersion: v1\nkind: ConfigMap\nmetadata: {name: a}\n';

/** What `data` is, once its tokens are replaced by these values. */
function dataOf(data: string, values: Readonly<Record<string, string>>): unknown {
  const [one] = parseManifest('app.yaml', `${HEAD}data:\n${data}\n`, (name) => values[name]);
  return one?.object.data;
}

describe('tokens', () => {
  it('stand for values wherever a value may be: bare, within a word, in quotes, in blocks of text, as a key', () => {
    const data = [
      '  bare: #{tag}#',
      '  word: app-#{ tag }#-x',
      "  single: '#{tag}#'",
      '  double: "<#{tag}#>"',
      '  list: [#{tag}#, #{tag}#]',
      '  block: |',
      '    version=#{tag}#',
      '  #{tag}#: key',
    ].join('\n');
    assert.deepEqual(dataOf(data, { tag: 'v1' }), {
      bare: 'v1',
      word: 'app-v1-x',
      single: 'v1',
      double: '<v1>',
      list: ['v1', 'v1'],
      block: 'version=v1\n',
      v1: 'key',
    });
  });

  it('without quotes mean what the value would mean there: a number, a truth value, nothing', () => {
    const data = '  a: #{n}#\n  b: #{t}#\n  c: "#{n}#"\n  d: #{n}#.#{n}#\n  e: !!str #{n}#\n  f: #{z}#';
    assert.deepEqual(dataOf(data, { n: '3', t: 'true', z: 'null' }), {
      a: 3,
      b: true,
      c: '3',
      d: 3.3,
      e: '3',
      f: null,
    });
  });

  it('never become more than a value, whatever is in it', () => {
    for (const value of [
      'a: b',
      'x\ny: z',
      '"',
      "'",
      '[1',
      '# gone',
      'a #b',
      '*alias',
      '&anchor x',
      '- item',
      ' ',
      '{}',
      '|',
    ]) {
      for (const data of ['  a: #{v}#', '  a: "#{v}#"', "  a: '#{v}#'", '  a: >-\n    #{v}#']) {
        assert.deepEqual(dataOf(data, { v: value }), { a: value }, `${value} in ${data}`);
      }
    }
  });

  it('are left as they stand unless replacing was asked for', () => {
    const [one] = parseManifest('app.yaml', `${HEAD}data: {a: "#{tag}#"}`);
    assert.deepEqual(one?.object.data, { a: '#{tag}#' });
  });

  it("in comments are nobody's business", () => {
    assert.deepEqual(dataOf('  a: b # was #{nothing}#', {}), { a: 'b' });
  });

  it('without a value are refused, all at once, each with its line', () => {
    const text = `${HEAD}data:\n  a: #{one}#\n  b: |\n    x\n    #{two}#\n`;
    assert.throws(() => parseManifest('app.yaml', text, () => undefined), {
      code: 'TOKEN_MISSING',
      message: 'The pipeline has no value for #{one}# (app.yaml:5), #{two}# (app.yaml:8).',
    });
  });

  it('do not move the line and column of a mistake, and what they stand for is not quoted', () => {
    const text = `${HEAD}data: {a: #{password}#, a: #{password}#}`;
    assert.throws(
      () => parseManifest('app.yaml', text, () => 'hunter2'),
      (error: Error) => {
        assert.match(error.message, /^app\.yaml, line 4, column 25: .*unique/);
        assert.doesNotMatch(error.message, /hunter2/);
        return true;
      },
    );
  });
});
