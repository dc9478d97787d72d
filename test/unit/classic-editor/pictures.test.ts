import assert from 'node:assert/strict';
import { globSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { drawForm } from '../../../tools/classic-editor/drawing.ts';
import { formOf, type TaskJson } from '../../../tools/classic-editor/form.ts';
import { hashIn, sourceHash } from '../../../tools/classic-editor/picture.ts';

const ROOT = join(import.meta.dirname, '..', '..', '..');
const TASKS = globSync('tasks/*/task.json', { cwd: ROOT }).map((file) => file.split(/[\\/]/)[1] ?? '');

function taskOf(name: string): TaskJson {
  return JSON.parse(readFileSync(join(ROOT, 'tasks', name, 'task.json'), 'utf8')) as TaskJson;
}

describe('the classic editor in docs/classic-editor.md', () => {
  for (const name of TASKS) {
    it(`shows ${name} as its task.json is now`, () => {
      const icon = readFileSync(join(ROOT, 'tasks', name, 'icon.png'));
      const picture = readFileSync(join(ROOT, 'docs', 'images', 'classic-editor', `${name}.png`));
      const drawn = sourceHash(drawForm(formOf(taskOf(name)), icon));
      assert.equal(hashIn(picture), drawn, 'node tools/classic-editor/main.ts draws the pictures anew');
      assert.match(
        readFileSync(join(ROOT, 'docs', 'classic-editor.md'), 'utf8'),
        new RegExp(`images/classic-editor/${name}\\.png`),
      );
    });
  }

  it('hides what the values of a form hide, and marks what is asked of a service', () => {
    const form = formOf({
      name: 'Some',
      friendlyName: 'Some task',
      instanceNameFormat: 'Do $(what)',
      version: { Major: 2 },
      groups: [{ name: 'more', displayName: 'More', isExpanded: false, visibleRule: 'what = that' }],
      inputs: [
        {
          name: 'what',
          type: 'pickList',
          label: 'What',
          required: true,
          defaultValue: 'this',
          options: { this: 'This' },
        },
        { name: 'where', type: 'pickList', label: 'Where' },
        { name: 'hidden', type: 'string', label: 'Hidden', visibleRule: 'what = that' },
        { name: 'grouped', type: 'string', label: 'Grouped', groupName: 'more' },
      ],
      dataSourceBindings: [{ target: 'where' }],
    });
    assert.equal(form.displayName, 'Do this');
    assert.equal(form.version, '2.*');
    assert.deepEqual(
      form.sections.map(({ title, fields }) => [title, fields.map(({ label, value }) => `${label}: ${value}`)]),
      [[undefined, ['What: This', 'Where: ']]],
    );
    assert.deepEqual(
      form.sections[0]?.fields.map(({ refreshes }) => refreshes),
      [false, true],
    );
  });
});
