// npm test [-- SUITE …]: brings up what the suites need, then runs them: unit, integration, tasks, cluster.
import { spawnSync } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const SUITES = ['unit', 'integration', 'tasks', 'cluster'];

const wanted = process.argv.slice(2);
const unknown = wanted.filter((suite) => !SUITES.includes(suite));
if (unknown.length > 0) {
  console.error(`npm test: there is no suite ${unknown.join(', ')}; there are: ${SUITES.join(', ')}.`);
  process.exit(2);
}
const suites = (wanted.length > 0 ? wanted : SUITES).filter((suite) => existsSync(join(ROOT, 'test', suite)));
const { status } = spawnSync(
  'c8',
  [
    '--all',
    '--include',
    'lib',
    '--reporter',
    'text-summary',
    'mocha',
    ...suites.map((suite) => `test/${suite}/**/*.test.ts`),
  ],
  { stdio: 'inherit', cwd: ROOT },
);
process.exit(status ?? 1);
