import assert from 'node:assert/strict';
import { expandMacros } from '../../../tools/agent/macros.ts';
import { environmentName, variableEnvironment, Variables } from '../../../tools/agent/variables.ts';

const VARIABLES = Variables.from({
  registry: 'r:5000',
  base: '$(Registry)/base',
  loop: '$(loop)!',
  'model.path': '/m',
});

describe('a macro', () => {
  for (const [text, expected] of [
    ['$(registry)/app', 'r:5000/app'],
    ['$(REGISTRY)', 'r:5000'],
    ['$(base):1 and $(model.path)', 'r:5000/base:1 and /m'],
    ['$(nobody) stays', '$(nobody) stays'],
    ['echo $(date +%s) $HOME ${X}', 'echo $(date +%s) $HOME ${X}'],
  ] as const) {
    it(`${text} becomes ${expected}`, () => assert.equal(expandMacros(text, VARIABLES), expected));
  }

  it('that names itself comes to an end', () => {
    assert.match(expandMacros('$(loop)', VARIABLES), /^\$\(loop\)!+$/);
  });
});

describe('variables', () => {
  it('stand in the environment under upper-case names, secrets do not', () => {
    const variables = Variables.from({ 'Build.Source Version': 'abc' }).with('token', 's3cret', { isSecret: true });
    assert.deepEqual(variableEnvironment(variables), { BUILD_SOURCE_VERSION: 'abc' });
    assert.equal(environmentName('a.b c'), 'A_B_C');
  });

  it('stay secret and read-only when they are set again', () => {
    const variables = Variables.none.with('x', '1', { isSecret: true, isReadOnly: true }).with('X', '2');
    assert.deepEqual(variables.all(), [{ name: 'x', value: '2', isSecret: true, isReadOnly: true }]);
  });
});
