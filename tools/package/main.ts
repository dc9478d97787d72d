// npm run package: builds the tasks and makes dist/<publisher>.<id>-<version>.vsix of them.
import { spawnSync } from 'node:child_process';
import { globSync } from 'node:fs';
import { cp, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { extensionManifest, type ExtensionFacts } from './manifest.ts';

const ROOT = join(import.meta.dirname, '..', '..');
const DIST = join(ROOT, 'dist');
/** Everything that the package holds, laid out as it holds it; tfx takes this folder and nothing else. */
const STAGE = join(DIST, 'extension');

interface TaskVersion {
  readonly version: { readonly Major: number; readonly Minor: number; readonly Patch: number };
}

async function json<Content>(file: string): Promise<Content> {
  return JSON.parse(await readFile(file, 'utf8')) as Content;
}

/** Agents keep a task by its version, so a release whose tasks stayed behind would not reach anyone. */
async function requireVersion(task: string, wanted: string): Promise<void> {
  const { version } = await json<TaskVersion>(join(DIST, 'tasks', task, 'task.json'));
  const found = `${version.Major}.${version.Minor}.${version.Patch}`;
  if (found !== wanted) {
    throw new Error(`tasks/${task}/task.json says version ${found}, package.json ${wanted}: set both to the same.`);
  }
}

/** Lays out the package: tasks, the pictures that the Marketplace shows, overview, licence and manifest. */
async function stage(version: string): Promise<void> {
  const tasks = globSync('*/task.json', { cwd: join(DIST, 'tasks') })
    .map(dirname)
    .sort();
  await Promise.all(tasks.map((task) => requireVersion(task, version)));
  await rm(STAGE, { recursive: true, force: true });
  await mkdir(join(STAGE, 'images'), { recursive: true });
  for (const task of tasks) await cp(join(DIST, 'tasks', task), join(STAGE, 'tasks', task), { recursive: true });
  for (const picture of globSync('images/*.png', { cwd: ROOT })) await cp(join(ROOT, picture), join(STAGE, picture));
  for (const page of ['overview.md', 'LICENSE']) await cp(join(ROOT, page), join(STAGE, page));
  const facts = await json<ExtensionFacts>(join(ROOT, 'vss-extension.json'));
  const manifest = extensionManifest(facts, { version, tasks });
  await writeFile(join(STAGE, 'vss-extension.json'), `${JSON.stringify(manifest, null, 2)}\n`);
}

/** Lets tfx make the package; returns its path. */
function makePackage(): string {
  const tfx = spawnSync(
    join(ROOT, 'node_modules', '.bin', 'tfx'),
    [
      ...['extension', 'create', '--root', STAGE, '--manifests', 'vss-extension.json'],
      ...['--output-path', DIST, '--no-color', '--no-prompt', '--json'],
    ],
    { encoding: 'utf8' },
  );
  if (tfx.status !== 0) throw new Error(`tfx could not make the package:\n${tfx.stdout}${tfx.stderr}`);
  return (JSON.parse(tfx.stdout) as { path: string }).path;
}

await import('../build/main.ts');
const { version } = await json<{ version: string }>(join(ROOT, 'package.json'));
for (const stale of globSync('*.vsix', { cwd: DIST })) await rm(join(DIST, stale));
await stage(version);
const file = makePackage();
console.log(`${file}  ${((await stat(file)).size / 1e6).toFixed(2)} MB`);
