import assert from 'node:assert/strict';
import { PassThrough } from 'node:stream';
import { Narrator } from '../../../tools/demo/narrator.ts';

function listening(): { readonly narrator: Narrator; readonly heard: () => readonly string[] } {
  const out = new PassThrough();
  const narrator = new Narrator(out);
  return {
    narrator,
    heard: () =>
      String(out.read())
        .replaceAll(/\d+\.\d s/g, 'N s')
        .trimEnd()
        .split('\n'),
  };
}

describe("the demo's narrator", () => {
  it('tells a stage in one line: title, time and what came of it', async () => {
    const { narrator, heard } = listening();
    const value = await narrator.stage('Train', () => Promise.resolve({ value: 7, note: '97 % right' }));
    assert.equal(value, 7);
    assert.match(heard().join('\n'), /^ {4}Train \.+ +N s {2}97 % right$/);
  });

  it('tells the steps of the tutorial by their numbers, each with its own time though one run did them all', async () => {
    const { narrator, heard } = listening();
    const steps = [
      { number: 9, title: 'Build' },
      { number: 10, title: 'Push' },
    ];
    const told = [
      { seconds: 1.25, note: 'built' },
      { seconds: 0.5, note: 'pushed' },
    ];
    assert.equal(await narrator.steps(steps, () => Promise.resolve({ value: 7, told })), 7);
    const lines = heard();
    assert.match(lines[0] ?? '', /^ 9\. Build \.+ +N s {2}built$/);
    assert.match(lines[1] ?? '', /^10\. Push \.+ +N s {2}pushed$/);
  });

  it('tells set-up work below the title of its stage', async () => {
    const { narrator, heard } = listening();
    await narrator.stage('Services', async (progress) => {
      await progress.stage('Starting the registry', () => Promise.resolve());
      return { value: undefined, note: 'ready' };
    });
    const lines = heard();
    assert.equal(lines.length, 3);
    assert.match(lines[1] ?? '', /^ {6}Starting the registry +N s$/);
    assert.match(lines[2] ?? '', /^ +N s {2}ready$/);
  });

  it('says that a stage failed and lets its error through', async () => {
    const { narrator, heard } = listening();
    await assert.rejects(
      narrator.stage('Train', () => Promise.reject(new Error('no data'))),
      /no data/,
    );
    assert.match(heard().join('\n'), /N s {2}failed$/);
  });
});
