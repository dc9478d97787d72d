// The packed tasks, built again when their sources are newer.
import { globSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../services/commands.ts';

const ROOT = join(import.meta.dirname, '..', '..');

function timesOf(patterns: readonly string[]): readonly number[] {
  return globSync(patterns, { cwd: ROOT }).map((path) => statSync(join(ROOT, path)).mtimeMs);
}

/** Builds dist/tasks unless every task in it is newer than all that it is made of; tells whether it had to. */
export async function ensureBuiltTasks(): Promise<boolean> {
  const sources = timesOf(['lib/**/*', 'tasks/*/*', 'tools/build/*', 'package-lock.json']);
  const bundles = timesOf(['dist/tasks/*/index.js']);
  const wanted = globSync('tasks/*/task.json', { cwd: ROOT }).length;
  if (bundles.length === wanted && Math.min(...bundles) > Math.max(...sources)) return false;
  await run(process.execPath, [join(ROOT, 'tools', 'build', 'main.ts')], { log: 'build' });
  return true;
}
