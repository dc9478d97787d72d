// npm run bench -- rollout: the packed task beside `kubectl apply` and `kubectl rollout status`, and how soon it sees
// what the cluster knows.
import { parseArgs } from 'node:util';
import { ensureBuiltTasks } from '../../demo/built-tasks.ts';
import { table } from '../../demo/table.ts';
import { ensureDebianPackages } from '../../services/debian-packages.ts';
import { type Progress, printedProgress } from '../../services/stages.ts';
import { load, machine } from '../machine.ts';
import { chosenParts, measureParts } from '../parts.ts';
import { type Result, rowsOf } from '../result.ts';
import { CASES, type CaseName } from './cases.ts';
import { fatalLags, type Lag, readyLag } from './lags.ts';
import { Workbench } from './workbench.ts';

/** How soon the task sees what the cluster knows. */
const LAGS = {
  ready: { title: 'Ready seen', run: async (): Promise<readonly Lag[]> => [await readyLag()] },
  fatal: { title: 'Fatal states seen', run: fatalLags },
};

const CONTENDERS = { ours: 'this task', kubectl: 'kubectl' };

/**
 * Runs the rollout benchmark and prints its tables. False: a target was missed and `--check` was given.
 *
 * @param args `--rounds N`, `--only NAME[,NAME …]`, `--check`
 */
export async function benchRollout(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '5' }, only: { type: 'string' }, check: { type: 'boolean' } },
  });
  const names = chosenParts('rollout', { ...CASES, ...LAGS }, values.only);
  const progress = printedProgress();
  await ensureDebianPackages(['time'], progress);
  await ensureBuiltTasks();
  const cases = names.filter((name): name is CaseName => name in CASES);
  const results = cases.length > 0 ? await resultsOf(cases, Number(values.rounds), progress) : [];
  const lags: Lag[] = [];
  for (const name of names) {
    if (name === 'ready' || name === 'fatal') lags.push(...(await progress.stage(LAGS[name].title, LAGS[name].run)));
  }
  console.log(`\nMedian of ${values.rounds} rounds in turn, load average ${load()}, on ${machine()}.\n`);
  if (results.length > 0) console.log(table(rowsOf(results, CONTENDERS)));
  if (lags.length > 0) console.log(table([['what the cluster knew', 'told after', 'target', ''], ...lags.map(rowOf)]));
  return values.check !== true || (results.every(({ met }) => met) && lags.every(({ ms, limit }) => ms <= limit));
}

function rowOf({ what, ms, limit }: Lag): readonly string[] {
  return [what, `${(ms / 1000).toFixed(2)} s`, `≤ ${limit / 1000} s`, ms <= limit ? '✔' : '✘ missed'];
}

async function resultsOf(names: readonly CaseName[], rounds: number, progress: Progress): Promise<readonly Result[]> {
  const workbench = await Workbench.start();
  try {
    const measure = (name: CaseName): Promise<readonly Result[]> => CASES[name].run(workbench, rounds);
    return await measureParts(names, { parts: CASES, contenders: CONTENDERS, progress, measure });
  } finally {
    await workbench.stop();
  }
}
