import assert from 'node:assert/strict';
import { parseExpression, ExpressionError, type ExpressionContext } from '../../../tools/agent/expression.ts';

const CONTEXT: ExpressionContext = {
  values: {
    variables: { 'Build.Reason': 'Manual', count: '3', empty: '' },
    dependencies: { build: { result: 'Succeeded', outputs: { 'bundle.image': 'a@sha256:1' } } },
  },
  status: {
    succeeded: (names) => names.length === 0 || names.includes('build'),
    failed: () => false,
    succeededOrFailed: () => true,
    canceled: () => false,
  },
};
const value = (text: string) => parseExpression(text).evaluate(CONTEXT);

describe('an expression', () => {
  for (const [text, expected] of [
    [`eq(variables['build.reason'], 'MANUAL')`, true],
    [`ne(variables.count, 3)`, false],
    [`eq(3, variables.count)`, true],
    [`eq(true, 'False')`, true],
    [`eq(variables.missing, '')`, true],
    [`and(succeeded(), in(variables['Build.Reason'], 'IndividualCI', 'Manual'))`, true],
    [`notIn('a', 'b', 'c')`, true],
    [`succeeded('test')`, false],
    [`or(failed(), always())`, true],
    [`not(canceled())`, true],
    [`contains('Models', 'model')`, true],
    [`and(startsWith('refs/heads/main', 'refs/'), endsWith('x.YML', '.yml'))`, true],
    [`and(gt(10, '9'), ge(9, 9), lt('a', 'B'), le(1.5, 2))`, true],
    [`gt('10', '9')`, false],
    [`gt(1, 'many')`, false],
    [`coalesce(variables.missing, variables.empty, 'last')`, 'last'],
    [`format('{0} of {1} {{x}}', variables.count, 'it''s')`, `3 of it's {x}`],
    [`dependencies.build.outputs['bundle.image']`, 'a@sha256:1'],
    [`dependencies.nobody.outputs['x.y']`, null],
    [`join(', ', split('a;b', ';'))`, 'a, b'],
    [`length(upper('four'))`, 4],
    [`xor(true, false)`, true],
    [`convertToJson(split('a', ';'))`, '[\n  "a"\n]'],
    [`-2.5`, -2.5],
  ] as const) {
    it(`${text} is ${JSON.stringify(expected)}`, () => assert.deepEqual(value(text), expected));
  }

  it('asks no further than needed', () => {
    assert.equal(parseExpression(`and(false, succeeded())`).evaluate({ values: {} }), false);
  });

  for (const [text, message] of [
    [`eq(1`, /a "\)" is missing/],
    [`eq(1, 2) x`, /"x" is too much/],
    [`eq(1)`, /takes 2 arguments, not 1/],
    [`suceeded()`, /no function suceeded/],
    [`eq(1, `, /ends too early/],
    [`a == b`, /"== b" cannot be read/],
    [`eq(,1)`, /"," stands where a value belongs/],
    [`variables.'x'`, /no name of a property/],
    [``, /ends too early/],
  ] as const) {
    it(`says what is wrong with ${JSON.stringify(text)}`, () => {
      assert.throws(
        () => parseExpression(text),
        (error) => error instanceof ExpressionError && message.test(error.message),
      );
    });
  }

  it('that asks about what went before fails where nothing did', () => {
    assert.throws(() => parseExpression('succeeded()').evaluate({ values: {} }), /nothing to ask about/);
  });
});
