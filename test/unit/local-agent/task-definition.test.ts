import assert from 'node:assert/strict';
import { inputValues, type TaskDefinition, type TaskInput } from '../../../tools/agent/task-definition.ts';

/** A task with these inputs and nothing else. */
function task(...inputs: readonly TaskInput[]): TaskDefinition {
  return {
    folder: '/',
    id: 'i',
    name: 'Task',
    version: '1.0.0',
    outputs: [],
    handlers: {},
    inputs,
    restrictions: { commands: 'any', settableVariables: undefined },
  };
}
const auth: TaskInput = {
  name: 'auth',
  type: 'pickList',
  defaultValue: 'entra',
  options: { entra: 'Entra', accountKey: 'Key', sas: 'SAS' },
};

describe('the inputs of a task', () => {
  it('are required only where they are visible, also by a list of words', () => {
    const connection = { name: 'azure', type: 'string', required: true, visibleRule: 'auth in entra,accountKey' };
    const definition = task(auth, connection);
    for (const shown of [{}, { auth: 'accountKey' }]) {
      assert.throws(() => inputValues(definition, shown), { code: 'INPUT_MISSING', message: /azure/ });
    }
    assert.deepEqual(inputValues(definition, { auth: 'sas' }), { auth: 'sas', azure: '' });
  });

  it('are not required where their group is hidden', () => {
    const folder = {
      name: 'folder',
      type: 'string',
      required: true,
      groupRule: 'auth != sas',
      visibleRule: 'auth != entra',
    };
    const definition = task(auth, folder);
    assert.throws(() => inputValues(definition, { auth: 'accountKey' }), { code: 'INPUT_MISSING', message: /folder/ });
    for (const hidden of ['sas', 'entra']) assert.equal(inputValues(definition, { auth: hidden }).folder, '');
  });

  it('may be given by an alias, but not twice', () => {
    const definition = task({ name: 'container', type: 'string', aliases: ['bucket'] });
    assert.deepEqual(inputValues(definition, { bucket: 'models' }), { container: 'models' });
    assert.throws(() => inputValues(definition, { bucket: 'a', container: 'b' }), { code: 'INPUT_TWICE' });
  });

  it('take any value from a list that can be edited, and only its words otherwise', () => {
    const editable = { name: 'account', type: 'pickList', properties: { EditableOptions: 'True' } };
    assert.deepEqual(inputValues(task(editable), { account: 'anything' }), { account: 'anything' });
    assert.throws(() => inputValues(task(auth), { auth: 'kerberos' }), { code: 'INPUT_INVALID', message: /kerberos/ });
  });
});
