import assert from 'node:assert/strict';
import { SecretMasker } from '../../../tools/agent/masking.ts';
import { StepOutput, type StepOutputOptions } from '../../../tools/agent/step-output.ts';

function take(lines: readonly string[], options: Partial<StepOutputOptions> = {}) {
  const shown: string[] = [];
  const output = new StepOutput({ masker: new SecretMasker(), onLine: (line) => shown.push(line), ...options });
  lines.forEach((line) => output.take(line));
  return { output, shown };
}

describe('the output of a step', () => {
  it('sets variables, and hides the secret ones from then on', () => {
    const { output, shown } = take([
      '##vso[task.setvariable variable=key;isSecret=true;isReadonly=true]s3cret',
      'a s3cret',
    ]);
    assert.deepEqual(output.variables, [
      { name: 'key', value: 's3cret', isOutput: false, isSecret: true, isReadOnly: true },
    ]);
    assert.deepEqual(shown, ['a ***']);
  });

  it('stays failed once it has failed', () => {
    assert.equal(
      take(['##vso[task.complete result=Failed]x', '##vso[task.complete result=Succeeded]']).output.completion,
      'Failed',
    );
  });

  it('shows progress, and debug lines only when asked to', () => {
    const lines = ['##vso[task.setprogress value=40]sending', '##vso[task.debug]why'];
    assert.deepEqual(take(lines).shown, ['40 % sending']);
    assert.deepEqual(take(lines, { showsDebug: true }).shown, ['40 % sending', '##[debug]why']);
  });

  for (const [title, line, message, options] of [
    ['an unknown command', '##vso[task.dance]', /does not know .*task\.dance/, {}],
    [
      'a restricted command',
      '##vso[task.uploadsummary]x',
      /is not allowed/,
      { restrictions: { commands: 'restricted', settableVariables: undefined } },
    ],
    [
      'a variable outside its restrictions',
      '##vso[task.setvariable variable=PATH]x',
      /may not set the variable PATH/,
      { restrictions: { commands: 'any', settableVariables: ['model*'] } },
    ],
  ] as const) {
    it(`is warned of ${title}, which is left out`, () => {
      const { output } = take([line], options);
      assert.match(output.issues[0]?.message ?? '', message);
      assert.equal(output.issues[0]?.type, 'warning');
      assert.deepEqual([output.variables, output.files, output.completion], [[], [], undefined]);
    });
  }

  it('may set the variables that a pattern allows', () => {
    const restrictions = { commands: 'any', settableVariables: ['model*'] } as const;
    assert.equal(take(['##vso[task.setvariable variable=modelPath]/m'], { restrictions }).output.variables.length, 1);
  });

  for (const [title, line] of [
    ['sets a read-only variable', '##vso[task.setvariable variable=Fixed]x'],
    ['makes a secret of several lines', '##vso[task.setvariable variable=a;issecret=true]one%0Atwo'],
    ['names a file that is not there', '##vso[task.uploadsummary]/nowhere/x.md'],
    ['gives an attachment a path for a name', '##vso[task.addattachment type=../x;name=y]/etc/hostname'],
    ['ends with an unknown result', '##vso[task.complete result=Great]'],
    ['logs an issue of no known type', '##vso[task.logissue type=joke]x'],
  ] as const) {
    it(`fails when it ${title}`, () => {
      const { output } = take([line], { readOnlyVariables: new Set(['fixed']) });
      assert.equal(output.completion, 'Failed');
      assert.equal(output.issues[0]?.type, 'error');
    });
  }
});
