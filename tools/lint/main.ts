// npm run lint: types, rules and formatting, all at once; what they find is told in that order.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';

const CHECKS: readonly (readonly [string, ...string[]])[] = [
  ['tsc', '--noEmit'],
  ['eslint', '--max-warnings', '0', '.'],
  ['prettier', '--check', '--log-level', 'warn', '.'],
];

interface Outcome {
  readonly program: string;
  readonly hasPassed: boolean;
  readonly output: string;
}

async function run([program, ...args]: readonly [string, ...string[]]): Promise<Outcome> {
  const child = spawn(program, args, {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...(process.stdout.isTTY ? { FORCE_COLOR: '1' } : {}) },
  });
  const outputs = Promise.all([text(child.stdout), text(child.stderr)]);
  const [code] = (await once(child, 'close')) as [number | null];
  return { program, hasPassed: code === 0, output: (await outputs).join('') };
}

for (const outcome of CHECKS.map(run)) {
  const { program, hasPassed, output } = await outcome;
  process.stdout.write(output);
  if (hasPassed) console.log(`lint: ${program} passed`);
  else {
    console.error(`lint: ${program} found something to mend (npm run format mends the formatting).`);
    process.exitCode = 1;
  }
}
