// What an image in a registry promises, tried as often as one likes by `npm run bench -- faults`.
import { createDispatcher } from '../../lib/http/dispatcher.ts';
import { ensureServices } from '../../tools/services/services.ts';
import type { Trial, TrialOptions } from './promises.ts';
import { newModel, PushBench } from './push-bench.ts';
import { seeded } from './random.ts';
import { RegistryFaults } from './registry-faults.ts';

const SIZE = 3_000_000;
/** A small image is through after fewer requests than this. */
const MOST_REQUESTS = 30;

/** Every upload completes with the right digest, however often its connection is cut. */
export async function tryUploadCuts({ runs, seed }: TrialOptions): Promise<Trial> {
  return behindFaults(runs, async ({ bench, faults }, run) => {
    const random = seeded(seed + run);
    const cuts = 1 + Math.floor(random() * 3);
    let left = cuts;
    faults.plan = ({ method, size }) =>
      method === 'PATCH' && size > 1000 && left-- > 0 ? { cutAfter: Math.floor(random() * size) } : undefined;
    const request = { ...(await bench.request()), groups: [newModel(SIZE)] };
    const { digest } = await bench.push(request, faults.host);
    await bench.complete(request, digest);
    return (await bench.tagOf(request)) === digest ? undefined : 'the tag is elsewhere';
  });
}

/** A tag names the old image or the whole new one, whenever the push ends. */
export async function tryEnds({ runs, seed }: TrialOptions): Promise<Trial> {
  return behindFaults(runs, async ({ bench, faults }, run) => {
    const random = seeded(seed + run);
    const request = await bench.request();
    const old = await bench.push({ ...request, groups: [newModel(1000)] });
    const end = new AbortController();
    let left = Math.floor(random() * MOST_REQUESTS);
    faults.before = () => {
      if (left-- <= 0) end.abort(new Error('ended'));
      return Promise.resolve();
    };
    const pushing = bench.push({ ...request, groups: [newModel(SIZE)] }, faults.host, end.signal);
    const pushed = await pushing.catch(() => undefined);
    const now = (await bench.tagOf(request)) ?? '';
    await bench.complete(request, now);
    return pushed !== undefined && now === old.digest ? 'said to be pushed, and is not' : undefined;
  });
}

interface Place {
  readonly bench: PushBench;
  readonly faults: RegistryFaults;
}

async function behindFaults(
  runs: number,
  trial: (place: Place, run: number) => Promise<string | undefined>,
): Promise<Trial> {
  const { registry } = await ensureServices(['registry']);
  const dispatcher = createDispatcher();
  const broken: string[] = [];
  for (let run = 0; run < runs; run++) {
    const faults = await RegistryFaults.start(registry.host);
    try {
      const problem = await trial({ bench: new PushBench(registry.host, dispatcher), faults }, run);
      if (problem !== undefined) broken.push(`run ${run}: ${problem}`);
    } catch (error) {
      broken.push(`run ${run}: ${String(error)}`);
    } finally {
      await faults.stop();
    }
  }
  await dispatcher.destroy();
  return { runs, broken };
}
