// What the image benchmark compares, and what each figure must be.
import { rm } from 'node:fs/promises';
import { CountingProxy } from '../counting-proxy.ts';
import { type Contender, inRounds } from '../rounds.ts';
import {
  fasterThan,
  movesAtMost,
  near,
  nothingWritten,
  type Result,
  withBytes,
  withinMemory,
  withinSeconds,
} from '../result.ts';
import type { ImageBench, ImageOrder } from './workbench.ts';

const MiB = 2 ** 20;
const MOST_MEMORY = 250;
/** What manifests, configurations, SBOM and provenance of an image take, in bytes. */
const DOCUMENTS = 64 * 1024;

export interface CaseOptions {
  readonly rounds: number;
  /** Size of what is meant to be large, in GiB. */
  readonly large: number;
}

/** A part of the benchmark. It publishes itself what it bundles, so that each part can be run alone. */
export interface Case {
  readonly title: string;
  run(bench: ImageBench, options: CaseOptions): Promise<readonly Result[]>;
}

async function publish(
  { store }: ImageBench,
  model: string,
  version: string,
  files: number,
  size: number,
): Promise<void> {
  const source = await store.files(model, files, size);
  await store.publish(model, version, source);
  await rm(source, { recursive: true });
}

/** Each contender begins with memory and disk in the same state, whatever the one before has done. */
function withRoom(bench: ImageBench, bytes: number): (contender: Contender) => Contender {
  return (contender) => async (round) => {
    await bench.store.makeRoom(bytes);
    return contender(round);
  };
}

async function cold(bench: ImageBench, { rounds }: CaseOptions): Promise<readonly Result[]> {
  const title = 'Cold, 1 GiB in one file';
  await publish(bench, 'one', '1', 1, 1024 * MiB);
  const order = (contender: string, round: number): ImageOrder => {
    return { repository: `cold/${contender}-${round}`, model: 'one', version: '1' };
  };
  await bench.bundle(order('first', 0));
  await bench.saveLayout(order('first', 0).repository);
  const afterRoom = withRoom(bench, 1024 * MiB);
  const measures = await inRounds(rounds, {
    ours: afterRoom((round) => bench.bundle(order('ours', round))),
    pipe: afterRoom((round) => bench.pipe(order('pipe', round))),
    hand: afterRoom((round) => bench.byHand(order('hand', round))),
    skopeo: afterRoom(() => bench.skopeo()),
  });
  await bench.store.clear('layout');
  const { ours, hand, pipe, skopeo } = measures;
  return [
    fasterThan({ title, measures: { ours, hand, skopeo } }, 'hand', 9),
    near({ title, measures: { ours, pipe } }, 'pipe', 1.15),
    withinMemory({ title, measures: { ours } }, MOST_MEMORY),
    nothingWritten({ title, measures: { ours } }),
  ];
}

async function shards(bench: ImageBench, { rounds, large }: CaseOptions): Promise<readonly Result[]> {
  const title = `Cold, ${large} GiB in 8 files`;
  await publish(bench, 'shards', '1', 8, large * 128 * MiB);
  const order = (contender: string, round: number): ImageOrder => {
    return { repository: `shards/${contender}-${round}`, model: 'shards', version: '1' };
  };
  const afterRoom = withRoom(bench, large * 1024 * MiB);
  const measures = await inRounds(rounds, {
    ours: afterRoom((round) => bench.bundle(order('ours', round))),
    pipe: afterRoom((round) => bench.pipe(order('pipe', round))),
  });
  return [
    near({ title, measures }, 'pipe', 1.15),
    withinMemory({ title, measures }, MOST_MEMORY),
    nothingWritten({ title, measures }),
  ];
}

async function huge(bench: ImageBench, { large }: CaseOptions): Promise<readonly Result[]> {
  const title = `Cold, ${2 * large} GiB in one file`;
  await publish(bench, 'huge', '1', 1, 2 * large * 1024 * MiB);
  const measures = { ours: await bench.bundle({ repository: 'huge/one', model: 'huge', version: '1' }) };
  return [withinMemory({ title, measures }, MOST_MEMORY), nothingWritten({ title, measures })];
}

/** What moves when something is there already, counted by proxies on both sides. */
async function warm(bench: ImageBench, { rounds }: CaseOptions): Promise<readonly Result[]> {
  const [store, registry] = await Promise.all([
    CountingProxy.start(bench.store.blob.endpoint),
    CountingProxy.start(`http://${bench.registry.host}`),
  ]);
  const through = { registry: registry.host, store: store.origin };
  const down = (): number => store.bytes((path) => path.includes('/files/'));
  const up = (): number => registry.sent((path) => path.includes('/blobs/uploads/'));
  /** Makes images in rounds and counts the bytes of models that came down, and of layers that went up. */
  const moved = async (title: string, order: (round: number) => Promise<ImageOrder>) => {
    const before = { down: down(), up: up() };
    const measures = await inRounds(rounds, {
      ours: async (round) => bench.bundle({ ...(await order(round)), through }),
    });
    return { title, measures, down: down() - before.down, up: Math.round((up() - before.up) / rounds) };
  };
  const size = 256 * MiB;
  const [holder, model] = ['warm/holder', 'warm'];
  await publish(bench, model, '1', 1, size);
  await bench.bundle({ repository: holder, model, version: '1' });
  try {
    const first = await moved('First image of a model that another repository has', (round) =>
      Promise.resolve({ repository: `warm/other-${round}`, model, version: '1', mountFrom: holder }),
    );
    const app = await moved('Only the app changed', async () => {
      await bench.changeApp();
      return { repository: holder, model, version: '1' };
    });
    const nothing = await moved('Nothing changed', () => Promise.resolve({ repository: holder, model, version: '1' }));
    const other = await moved('Only the model changed', async (round) => {
      await publish(bench, model, `2.${round}`, 1, size);
      return { repository: holder, model, version: `2.${round}` };
    });
    const ofModel = 'model bytes down';
    const alsoUp = 'of documents and app up';
    const modelOnly = movesAtMost(other, 'bytes up, no app or base', other.up, size + DOCUMENTS);
    return [
      withBytes(withBytes(withinSeconds(first, 1.5), ofModel, first.down), alsoUp, first.up, DOCUMENTS),
      withBytes(withBytes(withinSeconds(app, 1), ofModel, app.down), alsoUp, app.up, DOCUMENTS),
      modelOnly,
      withBytes(withBytes(withinSeconds(nothing, 0.6), ofModel, nothing.down), 'bytes up', nothing.up),
    ];
  } finally {
    await Promise.all([store.stop(), registry.stop()]);
  }
}

export const CASES = {
  warm: { title: 'What is there already', run: warm },
  cold: { title: '1 GiB in one file', run: cold },
  shards: { title: 'Eight files', run: shards },
  huge: { title: 'One very large file', run: huge },
} as const satisfies Readonly<Record<string, Case>>;

export type CaseName = keyof typeof CASES;
