// npm run bench -- NAME [option …]: what the tasks promise, in figures. docs/benchmarks.md tells what they mean.
import { DeliveryError } from '../../lib/errors/delivery-error.ts';

const BENCHES: Readonly<Record<string, (args: readonly string[]) => Promise<unknown>>> = {
  'cold-start': () => import('./cold-start.ts'),
  faults: async (args) => (await import('./faults/main.ts')).benchFaults(args),
  image: async (args) => (await import('./image/main.ts')).benchImage(args),
  rollout: async (args) => (await import('./rollout/main.ts')).benchRollout(args),
  store: async (args) => (await import('./store/main.ts')).benchStore(args),
};

// Services of a bench end when its process exits, which by itself a signal does not let it do.
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(1));

const [name = '', ...args] = process.argv.slice(2);
const bench = BENCHES[name];
if (bench === undefined) {
  console.error(`usage: npm run bench -- ${Object.keys(BENCHES).join('|')} [--check] …; see docs/benchmarks.md`);
  process.exit(2);
}
try {
  process.exit((await bench(args)) === false ? 1 : 0);
} catch (error) {
  if (!(error instanceof DeliveryError)) throw error;
  console.error(`${error.code}: ${error.message} ${error.remedy}`);
  process.exit(1);
}
