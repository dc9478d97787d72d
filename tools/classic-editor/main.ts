// npm run pictures: draws each task as it looks in the classic editor, for docs/classic-editor.md.
import { globSync } from 'node:fs';
import { mkdir, readFile, writeFile } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { ensureDebianPackages } from '../services/debian-packages.ts';
import { printedProgress } from '../services/stages.ts';
import { drawForm } from './drawing.ts';
import { formOf, type TaskJson } from './form.ts';
import { pngOf } from './picture.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const PICTURES = join(ROOT, 'docs', 'images', 'classic-editor');

await ensureDebianPackages(['librsvg2-bin', 'fonts-inter', 'fonts-dejavu'], printedProgress());
await mkdir(PICTURES, { recursive: true });
for (const file of globSync('tasks/*/task.json', { cwd: ROOT }).sort()) {
  const task = JSON.parse(await readFile(join(ROOT, file), 'utf8')) as TaskJson;
  const icon = await readFile(join(ROOT, dirname(file), 'icon.png'));
  await writeFile(join(PICTURES, `${task.name}.png`), await pngOf(drawForm(formOf(task), icon)));
  process.stdout.write(`docs/images/classic-editor/${basename(dirname(file))}.png\n`);
}
