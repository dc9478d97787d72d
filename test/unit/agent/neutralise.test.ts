import assert from 'node:assert/strict';
import { neutralise } from '../../../lib/agent/neutralise.ts';

/** The agent's own test for a command, from its source: the prefix anywhere in the line, in any case. */
const isCommand = (line: string): boolean => /##vso\[|^\s*##\[/i.test(line);

describe('text from outside', () => {
  for (const text of [
    '##vso[task.setvariable variable=PATH]evil',
    'harmless start ##VSO[task.complete result=Succeeded]',
    '####vso[task.complete]',
    '##[error]not an error',
    'first\r##vso[task.complete]',
    'two lines\n##[section]here',
  ]) {
    it(`gives no command: ${JSON.stringify(text)}`, () => {
      assert.ok(
        neutralise(text)
          .split('\n')
          .every((line) => !isCommand(line)),
      );
    });
  }

  it('never becomes a command, whatever 10,000 random lines are made of', () => {
    const parts = ['#', '##', 'vso', 'VsO', '[', ' ', '\t', '\r', '\u0000', '\u200b', 'task.complete', ']', 'é', '\n'];
    let seed = 42;
    const next = (below: number): number => (seed = (seed * 1103515245 + 12345) % 2147483648) % below;
    for (let line = 0; line < 10_000; line++) {
      const text = Array.from({ length: 1 + next(12) }, () => parts[next(parts.length)] ?? '').join('');
      assert.ok(
        neutralise(text)
          .split('\n')
          .every((part) => !isCommand(part)),
        JSON.stringify(text),
      );
    }
  });

  it('reads as it did when it holds no command', () => {
    assert.equal(neutralise('## Heading\n\tlayer 3/4: 120 MB (#2)'), '## Heading\n\tlayer 3/4: 120 MB (#2)');
  });

  it('cannot rewrite the terminal', () => {
    assert.equal(neutralise('a\u001b[2Kb'), 'a\u241b[2Kb');
  });
});
