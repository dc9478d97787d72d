// npm run bench -- image: the packed BundleModelImage beside what people do by hand, and beside curl into curl, the
// least that bringing a model from a store into a registry can take.
import { existsSync } from 'node:fs';
import { parseArgs } from 'node:util';
import { ensureBuiltTasks } from '../../demo/built-tasks.ts';
import { table } from '../../demo/table.ts';
import { ensureDebianPackages } from '../../services/debian-packages.ts';
import { type Progress, printedProgress } from '../../services/stages.ts';
import { load, machine } from '../machine.ts';
import { chosenParts, measureParts } from '../parts.ts';
import { type Result, rowsOf } from '../result.ts';
import { type CaseName, type CaseOptions, CASES } from './cases.ts';
import { ImageBench } from './workbench.ts';

const CONTENDERS = { ours: 'this task', hand: 'az + docker', skopeo: 'skopeo, push only', pipe: 'curl | curl' };

/**
 * Runs the image benchmark and prints its table. False: a target was missed and `--check` was given.
 *
 * @param args `--rounds N`, `--large GIB`, `--only NAME[,NAME …]`, `--check`
 */
export async function benchImage(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: {
      rounds: { type: 'string', default: '3' },
      large: { type: 'string', default: '4' },
      only: { type: 'string' },
      check: { type: 'boolean' },
    },
  });
  const names = chosenParts('image', CASES, values.only);
  const progress = printedProgress();
  const tools = [...(existsSync('/usr/bin/az') ? [] : ['azure-cli']), 'curl', 'skopeo', 'time'];
  await ensureDebianPackages(tools, progress);
  await ensureBuiltTasks();
  const results = await resultsOf(names, { rounds: Number(values.rounds), large: Number(values.large) }, progress);
  console.log(`\nMedian of ${values.rounds} rounds in turn, load average ${load()}, on ${machine()}.`);
  console.log('Each contender: wall time, processor time, most memory of one process (of docker: of its client).\n');
  console.log(table(rowsOf(results, CONTENDERS)));
  console.log('\n× hand: how many times as fast as az and docker. × pipe: how many times as long as curl into curl.');
  return values.check !== true || results.every(({ met }) => met);
}

async function resultsOf(
  names: readonly CaseName[],
  options: CaseOptions,
  progress: Progress,
): Promise<readonly Result[]> {
  const measure = async (name: CaseName): Promise<readonly Result[]> => {
    // Each on a bench of its own: what one part leaves would fill the disk for the next.
    const bench = await ImageBench.start();
    try {
      return await CASES[name].run(bench, options);
    } finally {
      await bench.stop();
    }
  };
  return measureParts(names, { parts: CASES, contenders: CONTENDERS, progress, measure });
}
