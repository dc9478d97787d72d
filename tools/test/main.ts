// npm test [-- SUITE …]: runs the test suites, with coverage of lib. Without a name: all of them.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const SUITES = ['unit', 'integration', 'tasks', 'cluster'];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((suite) => !SUITES.includes(suite));
if (unknown.length > 0) {
  console.error(`npm test: there is no suite ${unknown.join(', ')}; there are: ${SUITES.join(', ')}.`);
  process.exit(2);
}
const suites = wanted.length > 0 ? wanted : SUITES;

// All but the unit tests run what the build makes.
if (suites.some((suite) => suite !== 'unit')) await import('../build/main.ts');

const { status } = spawnSync(
  'c8',
  [
    ...['--all', '--include', 'lib', '--reporter', 'text-summary', '--reporter', 'html'],
    ...['node', join('tools', 'test', 'suites.ts'), ...suites],
  ],
  { stdio: 'inherit', cwd: ROOT },
);
process.exit(status ?? 1);
