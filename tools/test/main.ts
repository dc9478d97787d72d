// npm test [-- SUITE …]: runs the test suites, with coverage of lib. Without a name: all of them.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { lastWords } from './results.ts';

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

const results = mkdtempSync(join(tmpdir(), 'test-results-'));
try {
  const { status } = spawnSync(
    'c8',
    [
      ...['--all', '--include', 'lib', '--reporter', 'text-summary', '--reporter', 'html'],
      ...['node', join('tools', 'test', 'suites.ts'), results, ...suites],
    ],
    { stdio: 'inherit', cwd: ROOT },
  );
  for (const line of lastWords(results, suites)) console.log(line);
  process.exitCode = status ?? 1;
} finally {
  rmSync(results, { recursive: true, force: true });
}
