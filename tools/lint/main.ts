// npm run lint: types, rules and formatting, in that order; the first that fails ends the run.
import { spawnSync } from 'node:child_process';

const CHECKS: readonly (readonly [string, ...string[]])[] = [
  ['tsc', '--noEmit'],
  ['eslint', '--max-warnings', '0', '.'],
  ['prettier', '--check', '--log-level', 'warn', '.'],
];

for (const [program, ...args] of CHECKS) {
  const { status } = spawnSync(program, args, { stdio: 'inherit' });
  if (status !== 0) {
    console.error(`lint: ${program} found something to mend (npm run format mends the formatting).`);
    process.exit(1);
  }
  console.log(`lint: ${program} passed`);
}
