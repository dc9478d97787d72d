// suites.ts RESULTS SUITE …: runs test suites one after the other, each in a mocha of its own with its own patience, and
// goes on after a failed one so that a run tells everything there is to know. Results go into the folder RESULTS.
import { spawnSync } from 'node:child_process';
import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');

/** How long one test of a suite may take, in seconds: what a suite talks to decides. */
const PATIENCE: Readonly<Record<string, number>> = { unit: 5, integration: 120, tasks: 180, cluster: 600 };

/**
 * How many files of a suite run at once; one, unless most of what its tests do is to wait, and each file keeps to namespaces
 * and repositories of its own.
 */
const AT_ONCE: Readonly<Record<string, number>> = { cluster: 4 };

/** Files that take far longer than their size says, the longest first. */
const LONGEST: readonly string[] = ['test/cluster/strategies.test.ts', 'test/cluster/autoscaling.test.ts'];

const [results = '', ...suites] = process.argv.slice(2);

function run(suite: string): boolean {
  const files = globSync(`test/${suite}/**/*.test.ts`, { cwd: ROOT });
  if (files.length === 0) throw new Error(`there are no tests in test/${suite}`);
  const { status } = spawnSync(
    'mocha',
    [
      ...['--timeout', `${PATIENCE[suite] ?? 60}s`],
      ...(AT_ONCE[suite] === undefined ? [] : ['--parallel', '--jobs', `${AT_ONCE[suite]}`]),
      ...['--reporter', 'tools/test/reporter.ts', '--reporter-option', `suite=${suite},results=${results}`],
      // Keep-alive connections of SDKs would hold the process open after the last test.
      ...['--exit', ...inOrder(files, AT_ONCE[suite] ?? 1)],
    ],
    { stdio: 'inherit', cwd: ROOT },
  );
  return status === 0;
}

/** By name; where several run at once, the longest first, so that none of them is left alone at the end. */
function inOrder(files: readonly string[], atOnce: number): readonly string[] {
  if (atOnce === 1) return files.toSorted();
  const lengthOf = (file: string): number => statSync(join(ROOT, file)).size;
  const bySize = files.toSorted((one, other) => lengthOf(other) - lengthOf(one));
  return [...new Set([...LONGEST.filter((file) => files.includes(file)), ...bySize])];
}

const failed = suites.filter((suite) => !run(suite));
if (failed.length > 0) {
  console.error(`npm test: failed in ${failed.join(', ')}.`);
  process.exit(1);
}
