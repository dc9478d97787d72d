// npm run bench -- store: the packed model tasks beside the Azure CLI, and beside curl, the least that a download can take.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ensureBuiltTasks } from '../../demo/built-tasks.ts';
import { table } from '../../demo/table.ts';
import { ensureDebianPackages } from '../../services/debian-packages.ts';
import { type Progress, printedProgress } from '../../services/stages.ts';
import { load, machine } from '../machine.ts';
import { chosenParts, measureParts } from '../parts.ts';
import { type Result, rowsOf } from '../result.ts';
import { CASES, type CaseName } from './cases.ts';
import { Workbench } from './workbench.ts';

const CONTENDERS = { ours: 'this task', az: 'Azure CLI', curl: 'curl', checked: 'curl, sha256sum' };

/**
 * Runs the store benchmark and prints its table. False: a target was missed and `--check` was given.
 *
 * @param args `--rounds N`, `--only NAME[,NAME …]`, `--check`
 */
export async function benchStore(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: { rounds: { type: 'string', default: '3' }, only: { type: 'string' }, check: { type: 'boolean' } },
  });
  const names = chosenParts('store', CASES, values.only);
  const progress = printedProgress();
  await ensureDebianPackages([...(existsSync('/usr/bin/az') ? [] : ['azure-cli']), 'curl', 'time'], progress);
  await ensureBuiltTasks();
  const results = await resultsOf(names, Number(values.rounds), progress);
  console.log(`\nMedian of ${values.rounds} rounds in turn, load average ${load()}, on ${machine()}.`);
  console.log('Each contender: wall time, processor time, most memory of one process.\n');
  console.log(table(rowsOf(results, CONTENDERS)));
  console.log(
    '\n× az: how many times as fast as the Azure CLI. × curl: how many times as long as curl, which checks nothing.',
  );
  return values.check !== true || results.every(({ met }) => met);
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
