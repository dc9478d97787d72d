import assert from 'node:assert/strict';
import { neutralise } from '../../../lib/agent/neutralise.ts';
import { parseCommand } from '../../../tools/agent/commands.ts';

describe('a logging command', () => {
  it('has a name, properties and data', () => {
    assert.deepEqual(parseCommand('##vso[task.setvariable variable=x;isOutput=true]a=b;c]d'), {
      name: 'task.setvariable',
      properties: { variable: 'x', isoutput: 'true' },
      data: 'a=b;c]d',
    });
  });

  it('is found anywhere in a line, in any case', () => {
    assert.equal(parseCommand('hello ##VSO[Task.Complete result=Failed]')?.name, 'task.complete');
  });

  it('is unescaped, the percent sign last', () => {
    const { properties, data } = parseCommand('##vso[a.b k=1%3B2%5D]x%0D%0Ay%AZP253B%25') ?? assert.fail();
    assert.deepEqual([properties.k, data], ['1;2]', 'x\r\ny%3B%25']);
  });

  for (const line of ['plain', '##vso[nothing]', '##vso[task.complete', '##vso[a.b.c]x', '##vso task.complete]', '']) {
    it(`is not ${JSON.stringify(line)}`, () => assert.equal(parseCommand(line), undefined));
  }

  it('is never made of text that went through neutralise, whatever 10,000 random lines hold', () => {
    const parts = [
      '#',
      '##',
      'vso[',
      '##vso[',
      '##VSO[',
      'task.complete',
      ' result=Failed',
      ']',
      ' ',
      '\t',
      '\u200b',
      '\n',
      '\r',
    ];
    let seed = 7;
    const next = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
    for (let line = 0; line < 10_000; line++) {
      const text = Array.from({ length: 1 + next(10) }, () => parts[next(parts.length)] ?? '').join('');
      for (const part of neutralise(text).split('\n'))
        assert.equal(parseCommand(part), undefined, JSON.stringify(text));
    }
  });
});
