// `${{ }}`: replaced while the file is read, from parameters and from variables whose values stand in the file.
import { messageOf } from '../../lib/errors/delivery-error.ts';
import { parseExpression, type ExpressionValue } from './expression.ts';
import { textOf } from './expression-functions.ts';
import { refusal, type Substitute } from './yaml-source.ts';

const TEMPLATE = /\$\{\{(.*?)\}\}/gs;

/** A substitution of template expressions that knows these parameters and variables. */
export function templateText(
  parameters: Readonly<Record<string, ExpressionValue>>,
  variables: Readonly<Record<string, string>>,
): Substitute {
  const values = { parameters, variables };
  return (text, place) =>
    text.replace(TEMPLATE, (template: string, expression: string) => {
      try {
        const name = /^\s*parameters\.(\w+)\s*$/.exec(expression)?.[1];
        if (
          name !== undefined &&
          !Object.keys(parameters).some((known) => known.toLowerCase() === name.toLowerCase())
        ) {
          throw new Error(`there is no parameter ${name}`);
        }
        return textOf(parseExpression(expression).evaluate({ values }));
      } catch (error) {
        throw refusal(place, `"${template}": ${messageOf(error)}`, 'Correct the expression.');
      }
    });
}
