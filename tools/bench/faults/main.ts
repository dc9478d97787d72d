// npm run bench -- faults: what the model store, images and rollouts promise, tried so often that chance has had its say.
import { parseArgs } from 'node:util';
import {
  type Trial,
  type TrialOptions,
  tryAgain,
  tryCuts,
  tryKills,
  tryOverwrites,
  tryRaces,
} from '../../../test/support/promises.ts';
import { tryEnds, tryUploadCuts } from '../../../test/support/image-promises.ts';
import { tryKilledRollouts, tryStoppedRollouts } from '../../../test/support/rollout-ends.ts';
import { chosenSeed } from '../../../test/support/random.ts';
import { ensureBuiltTasks } from '../../demo/built-tasks.ts';
import { table } from '../../demo/table.ts';
import { printedProgress } from '../../services/stages.ts';

interface Promised {
  readonly promise: string;
  readonly fault: string;
  readonly runs: number;
  readonly attempt: (options: TrialOptions) => Promise<Trial>;
}

const PROMISES: readonly Promised[] = [
  {
    promise: 'never a wrong or partial model at its final path, and all complete',
    fault: 'connections cut at random bytes, by FIN and RST',
    runs: 500,
    attempt: tryCuts,
  },
  {
    promise: 'a fetch is a state that the store was in',
    fault: 'all blobs overwritten, one after the other, at a random moment',
    runs: 200,
    attempt: tryOverwrites,
  },
  {
    promise: 'old model, new model or none; the next fetch completes',
    fault: 'the fetch killed (SIGKILL) at a random moment',
    runs: 100,
    attempt: tryKills,
  },
  { promise: 'exactly one winner', fault: '20 publish one version at once', runs: 20, attempt: tryRaces },
  { promise: 'running again changes nothing', fault: 'publish and fetch twice', runs: 20, attempt: tryAgain },
  {
    promise: 'every upload completes with the right digest',
    fault: 'uploads to the registry cut at random bytes, up to three times each',
    runs: 200,
    attempt: tryUploadCuts,
  },
  {
    promise: 'a tag names the old image or the whole new one',
    fault: 'the push ended at a random request',
    runs: 200,
    attempt: tryEnds,
  },
  {
    promise: 'the next run converges, nothing is stranded',
    fault: 'a rollout killed (SIGKILL) before and after each request to the API server',
    runs: 120,
    attempt: tryKilledRollouts,
  },
  {
    promise: 'the old version whole, or the new one',
    fault: 'a rollout cancelled before and after each request to the API server',
    runs: 120,
    attempt: tryStoppedRollouts,
  },
  {
    promise: 'the next run converges, nothing is stranded',
    fault: 'a canary killed (SIGKILL) before and after each request to the API server',
    runs: 100,
    attempt: (options) => tryKilledRollouts(options, 'canary'),
  },
  {
    promise: 'the next run converges, nothing is stranded',
    fault: 'a blue-green rollout killed (SIGKILL) before and after each request to the API server',
    runs: 100,
    attempt: (options) => tryKilledRollouts(options, 'blueGreen'),
  },
  {
    promise: 'the old version whole, or the new one',
    fault: 'a blue-green rollout cancelled before and after each request to the API server',
    runs: 100,
    attempt: (options) => tryStoppedRollouts(options, 'blueGreen'),
  },
];

/**
 * Tries every promise and prints what came of it. False: one was not kept.
 *
 * @param args `--share N`, the share of the usual number of runs, such as 0.1; `--only TEXT`, the faults that have this
 *   in their description
 */
export async function benchFaults(args: readonly string[]): Promise<boolean> {
  const { values } = parseArgs({
    args: [...args],
    options: { share: { type: 'string', default: '1' }, only: { type: 'string', default: '' } },
  });
  await ensureBuiltTasks();
  const [seed, progress] = [chosenSeed(), printedProgress()];
  const trials: (Promised & Trial)[] = [];
  for (const promised of PROMISES.filter(({ fault }) => fault.includes(values.only))) {
    const runs = Math.ceil(promised.runs * Number(values.share));
    const trial = await progress.stage(promised.fault, () => promised.attempt({ runs, seed }));
    trials.push({ ...promised, ...trial });
  }
  const rows = trials.map(({ promise, fault, runs, broken }) => [promise, fault, `${broken.length} of ${runs}`]);
  console.log(`\n${table([['promise', 'what is done to it', 'broken'], ...rows])}`);
  const broken = trials.flatMap((trial) => trial.broken);
  for (const line of broken) console.log(line);
  if (broken.length > 0) console.log(`Repeat with FAULT_SEED=${seed}.`);
  return broken.length === 0;
}
