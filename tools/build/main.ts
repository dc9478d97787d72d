// npm run build: each task becomes dist/tasks/<Name>/ with one bundled file, its task.json and its icon.
import { globSync } from 'node:fs';
import { copyFile, mkdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { build } from 'esbuild';

const ROOT = join(import.meta.dirname, '..', '..');
const TASKS = join(ROOT, 'tasks');
const DIST = join(ROOT, 'dist', 'tasks');

/** Bundles one task and puts beside it what the agent and the Marketplace need. */
async function buildTask(name: string): Promise<void> {
  const target = join(DIST, name);
  await mkdir(target, { recursive: true });
  await build({
    entryPoints: [join(TASKS, name, 'index.ts')],
    outfile: join(target, 'index.js'),
    bundle: true,
    minify: true,
    keepNames: true,
    platform: 'node',
    format: 'cjs',
    target: 'node20.11',
    // Where a package has both, its ES modules: of the other kind nothing can be left out.
    mainFields: ['module', 'main'],
    alias: { '@aws-sdk/credential-provider-node': join(import.meta.dirname, 'no-key-search.ts') },
    // The storage SDK asks where its module is; in one file of the other module format only we can tell.
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: "const moduleUrl = require('node:url').pathToFileURL(__filename).href;" },
    legalComments: 'none',
    logLevel: 'warning',
  });
  await copyFile(join(TASKS, name, 'task.json'), join(target, 'task.json'));
  await copyFile(join(TASKS, name, 'icon.png'), join(target, 'icon.png'));
  // The task library reads the texts of its messages from beside the running file.
  await copyFile(join(ROOT, 'node_modules', 'azure-pipelines-task-lib', 'lib.json'), join(target, 'lib.json'));
  const [bundle, manifest] = await Promise.all([
    stat(join(target, 'index.js')),
    readFile(join(target, 'task.json'), 'utf8'),
  ]);
  const { version } = JSON.parse(manifest) as { version: { Major: number; Minor: number; Patch: number } };
  console.log(`${name}@${version.Major}.${version.Minor}.${version.Patch}  ${(bundle.size / 1e6).toFixed(2)} MB`);
}

await rm(DIST, { recursive: true, force: true });
// On an agent nothing above a task says how to read its .js; here the project's own package.json would.
await mkdir(DIST, { recursive: true });
await writeFile(join(ROOT, 'dist', 'package.json'), '{ "type": "commonjs" }\n');
const names = globSync('*/task.json', { cwd: TASKS }).map(dirname);
await Promise.all(names.map(buildTask));
