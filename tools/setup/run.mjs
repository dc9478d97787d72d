// Runs one of the project's TypeScript programs on the Node.js that the project brings, after installing the
// project's packages if they are missing or older than the lock file. Plain JavaScript without imports from
// node_modules, because it is the first thing that runs after `git clone`.
//
//   node tools/setup/run.mjs tools/<program>/main.ts [argument …]
import { spawn, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { delimiter, dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))));
const modules = join(root, 'node_modules');
const nodeFolder = join(modules, 'node', 'bin');
const stamp = join(modules, '.installed-from');

/** Installs the packages of package-lock.json unless exactly these are there already. */
function installPackages() {
  const wanted = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === wanted) return;
  const started = Date.now();
  process.stderr.write('Installing packages (npm ci) … ');
  const npm = spawnSync('npm', ['ci', '--loglevel=error'], {
    cwd: root,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });
  if (npm.status !== 0) {
    process.stderr.write(
      `failed\n${npm.stdout}${npm.stderr}\nnpm could not install the packages: check that the npm registry can be reached, then run the command again.\n`,
    );
    process.exit(1);
  }
  mkdirSync(modules, { recursive: true });
  writeFileSync(stamp, wanted);
  process.stderr.write(`${((Date.now() - started) / 1000).toFixed(0)} s\n`);
}

installPackages();
const [program, ...args] = process.argv.slice(2);
if (program === undefined) {
  process.stderr.write('usage: node tools/setup/run.mjs PROGRAM [argument …]\n');
  process.exit(2);
}
const child = spawn(join(nodeFolder, 'node'), [join(root, program), ...args], {
  stdio: 'inherit',
  env: { ...process.env, PATH: [nodeFolder, join(modules, '.bin'), process.env.PATH].join(delimiter) },
});
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP']) process.on(signal, () => child.kill(signal));
child.on('exit', (code, signal) => process.exit(signal === null ? code : 1));
