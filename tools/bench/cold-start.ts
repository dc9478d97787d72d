// npm run bench -- cold-start: how long each packed task takes from its start to its first decision, on the
// Node.js versions that agents run, beside a Node.js that does nothing.
//
// Every task is started without inputs, so it loads all its code and then fails on the first input it misses.
import { spawnSync } from 'node:child_process';
import { globSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';

const ROOT = join(import.meta.dirname, '..', '..');
const RUNS = 15;
const NODES = {
  'Node 24': join(ROOT, 'node_modules', 'node', 'bin', 'node'),
  'Node 20': join(ROOT, 'node_modules', 'node20', 'bin', 'node'),
};
const scratch = mkdtempSync(join(tmpdir(), 'cold-start-'));
// Only what a program needs to start: nothing of this machine decides what the task does.
const environment = { PATH: process.env.PATH, AGENT_TEMPDIRECTORY: scratch };

/** Milliseconds of one run. */
function time(node: string, args: readonly string[], check: (output: string) => void): number {
  const started = performance.now();
  const { stdout } = spawnSync(node, args, { cwd: scratch, env: environment, encoding: 'utf8' });
  const elapsed = performance.now() - started;
  check(stdout);
  return elapsed;
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

/** Runs the contenders in turn, so that a busy moment of the machine meets all of them. */
function medians(contenders: ReadonlyMap<string, () => number>): ReadonlyMap<string, number> {
  const times = new Map([...contenders.keys()].map((name) => [name, [] as number[]]));
  for (let run = 0; run < RUNS; run++) for (const [name, once] of contenders) times.get(name)?.push(once());
  return new Map([...times].map(([name, values]) => [name, median(values)]));
}

const tasks = globSync('dist/tasks/*/index.js', { cwd: ROOT }).sort();
if (tasks.length === 0) throw new Error('There is no dist/tasks: run "npm run build" first.');

console.log(`Median of ${RUNS} starts, in ms, and as a multiple of a Node.js that does nothing`);
for (const [version, node] of Object.entries(NODES)) {
  const nothing = (): number => time(node, ['-e', '0'], () => undefined);
  const contenders = new Map([['(nothing)', nothing]]);
  for (const task of tasks) {
    const name = basename(dirname(task));
    contenders.set(name, () =>
      time(node, [join(ROOT, task)], (output) => {
        if (!output.includes('INPUT_MISSING')) throw new Error(`${name} did not start properly:\n${output}`);
      }),
    );
  }
  const results = medians(contenders);
  const floor = results.get('(nothing)') ?? Number.NaN;
  console.log(`\n${version}`);
  for (const [name, ms] of results) {
    console.log(`  ${name.padEnd(20)} ${ms.toFixed(0).padStart(5)} ms  ${(ms / floor).toFixed(1).padStart(4)}×`);
  }
}
rmSync(scratch, { recursive: true });
