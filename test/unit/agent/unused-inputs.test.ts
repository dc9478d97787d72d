import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { type InputRules, unusedInputs } from '../../../lib/agent/unused-inputs.ts';

const TASKS = join(import.meta.dirname, '../../../tasks');

describe('an input without effect', () => {
  const unused = (task: string, given: Readonly<Record<string, string>>): readonly string[] => {
    const rules = JSON.parse(readFileSync(join(TASKS, task, 'task.json'), 'utf8')) as InputRules;
    const defaults = Object.fromEntries(
      rules.inputs.map(({ name, defaultValue }) => [name, String(defaultValue ?? '')]),
    );
    return unusedInputs(rules, (name) => ({ ...defaults, ...given })[name]).map(({ name }) => name);
  };

  it('is one that the other inputs rule out', () => {
    const plain = { layout: 'plain', blobs: '**', tagFilter: 'stage=production' };
    assert.deepEqual(unused('FetchLatestModel', plain), ['tagFilter']);
    assert.deepEqual(unused('FetchLatestModel', { ...plain, select: 'tag' }), []);
    assert.deepEqual(unused('FetchLatestModel', { ...plain, select: 'tag', version: '2.1' }), ['version']);
    assert.deepEqual(unused('PublishModel', { source: 'model', expectedVersion: '1' }), ['expectedVersion']);
    assert.deepEqual(unused('PublishModel', { action: 'promote', version: '2', expectedVersion: '1' }), []);
  });

  it('is one of a group that is ruled out', () => {
    const prune = { action: 'prune', pickleScan: 'fail' };
    assert.deepEqual(unused('PublishModel', prune), ['pickleScan']);
  });

  it('is none that has its default, whatever its case', () => {
    for (const task of globSync('*/task.json', { cwd: TASKS }).map((path) => path.split(/[\\/]/)[0] ?? '')) {
      assert.deepEqual(
        unused(task, { dryRun: 'True', pathStyle: 'TRUE' }).filter((name) => name === 'pathStyle'),
        [],
      );
      assert.deepEqual(unused(task, {}), []);
    }
  });
});
