// What the store benchmark compares, and what each figure must be.
import { BlobServiceClient } from '@azure/storage-blob';
import { FaultProxy } from '../../../test/support/fault-proxy.ts';
import { CountingProxy } from '../counting-proxy.ts';
import type { Measure } from '../measured.ts';
import { inRounds } from '../rounds.ts';
import { fasterThan, near, type Result, withBytes, withinMemory, withinSeconds } from '../result.ts';
import { CONTAINER, type Workbench } from './workbench.ts';

const GiB = 2 ** 30;
const MOST_MEMORY = 250;
/** What the way to a store of the same region and back takes, in milliseconds. */
const DISTANCE = 20;
const IN_CONTAINER = ['--container-name', CONTAINER];

/** A part of the benchmark. It publishes itself what it fetches, so that each part can be run alone. */
export interface Case {
  readonly title: string;
  run(workbench: Workbench, rounds: number): Promise<readonly Result[]>;
}

/** Where a store is, for titles, and what models are called there. */
interface Place {
  readonly name: string;
  readonly where: string;
}

const HERE: Place = { name: 'near', where: '' };
const THERE: Place = { name: 'far', where: `, ${DISTANCE} ms away` };

async function oneLarge(workbench: Workbench, rounds: number, { name, where }: Place): Promise<readonly Result[]> {
  const title = `1 GiB in one file${where}`;
  const model = `one-${name}`;
  const source = await workbench.files(model, 1, GiB);
  const [publish, upload] = [
    () => workbench.publish(model, '1.0.0', source),
    () => workbench.az('upload', ...IN_CONTAINER, '--file', `${source}/0000.bin`, '--name', 'az/one.bin'),
  ];
  const up = await inRounds(rounds, {
    ours: intoEmptyStore(workbench, publish),
    az: intoEmptyStore(workbench, upload),
    curl: intoEmptyStore(workbench, () => workbench.curlUpload(source, 'curl/')),
  });
  await intoEmptyStore(workbench, publish)();
  await upload();
  const down = await inRounds(rounds, {
    ours: async () => {
      await workbench.makeRoom(GiB, 'fetched', '.fetched.model-delivery.json');
      return workbench.fetch(model, `fetched/${model}`);
    },
    az: async () => {
      await workbench.makeRoom(GiB, 'az.bin');
      return workbench.az('download', ...IN_CONTAINER, '--name', 'az/one.bin', '--file', workbench.at('az.bin'));
    },
    curl: async () => {
      await workbench.makeRoom(GiB, 'curl');
      return workbench.curl(['az/one.bin'], 'curl');
    },
    checked: async () => {
      await workbench.makeRoom(GiB, 'curl');
      return workbench.curlAndCheck('az/one.bin', 'curl');
    },
  });
  await workbench.clear(model, 'az.bin', 'curl');
  return [
    fasterThan({ title: `Fetch ${title}`, measures: down }, 'az', 4),
    near({ title: `Fetch ${title}`, measures: down }, 'curl', 1.25),
    withinMemory({ title: `Fetch ${title}`, measures: down }, MOST_MEMORY),
    fasterThan({ title: `Publish ${title}`, measures: up }, 'az', 2),
    withinMemory({ title: `Publish ${title}`, measures: up }, MOST_MEMORY),
    await unchanged(workbench, rounds, model, where),
  ];
}

/** Each upload meets a store, a disk and memory that are not busy with what those before it have left. */
function intoEmptyStore(workbench: Workbench, upload: () => Promise<Measure>): () => Promise<Measure> {
  return async () => {
    await workbench.emptyStore();
    await workbench.makeRoom(GiB);
    return upload();
  };
}

/** Fetches again what is there, through a proxy that sees every byte. */
async function unchanged(workbench: Workbench, rounds: number, model: string, where: string): Promise<Result> {
  const proxy = await CountingProxy.start(workbench.blob.endpoint);
  const title = `Fetch it again, unchanged${where}`;
  const measures = await inRounds(rounds, {
    ours: () => workbench.behind(proxy.origin).fetch(model, `fetched/${model}`),
  });
  const data = proxy.bytes((path) => !path.endsWith('.json') && path.includes('/files/'));
  await proxy.stop();
  return withBytes(withinSeconds({ title, measures }, 0.5), 'bytes of data', data);
}

/** The store as far away as one of the same region: what takes long then is less the work than the waiting. */
async function farAway(near: Workbench, rounds: number): Promise<readonly Result[]> {
  const proxy = await FaultProxy.start(near.blob.endpoint, () => ({ delay: DISTANCE }));
  const workbench = near.behind(proxy.origin);
  try {
    return [...(await oneLarge(workbench, rounds, THERE)), ...(await manySmall(workbench, rounds, THERE))];
  } finally {
    await proxy.stop();
  }
}

async function manySmall(workbench: Workbench, rounds: number, { name, where }: Place): Promise<readonly Result[]> {
  const title = `1,000 files of 100 KiB${where}`;
  const model = `many-${name}`;
  const source = await workbench.files(model, 1000, 100 * 1024);
  const [publish, upload] = [
    () => workbench.publish(model, '1.0.0', source),
    () => workbench.az('upload-batch', ...['--destination', CONTAINER, '--destination-path', 'az', '--source', source]),
  ];
  const up = await inRounds(rounds, {
    ours: intoEmptyStore(workbench, publish),
    az: intoEmptyStore(workbench, upload),
    curl: intoEmptyStore(workbench, () => workbench.curlUpload(source, 'curl/')),
  });
  await intoEmptyStore(workbench, publish)();
  await upload();
  const blobs = await namesBelow(workbench, 'az/');
  const down = await inRounds(rounds, {
    // Into folders of their own, which are removed at the end: ext4 takes long to make files where some were just removed.
    ours: (round) => workbench.fetch(model, `fetched-${round}/${model}`),
    az: async (round) =>
      workbench.az(
        ...['download-batch', '--source', CONTAINER, '--pattern', 'az/*'],
        ...['--destination', await workbench.emptyFolder(`az-${round}`)],
      ),
    curl: (round) => workbench.curl(blobs, `curl-${round}`),
  });
  const folders = ['fetched', 'az', 'curl'].flatMap((folder) =>
    Array.from({ length: rounds }, (_, at) => `${folder}-${at + 1}`),
  );
  await workbench.clear(model, ...folders);
  return [
    fasterThan({ title: `Fetch ${title}`, measures: down }, 'az', 3),
    fasterThan({ title: `Publish ${title}`, measures: up }, 'az', 2),
  ];
}

async function huge(workbench: Workbench): Promise<readonly Result[]> {
  const title = '4 GiB in one file';
  const source = await workbench.files('huge', 1, 4 * GiB);
  const published = await workbench.publish('huge', '1.0.0', source);
  await workbench.clear('huge');
  const fetched = await workbench.fetch('huge', 'fetched/huge');
  await workbench.clear('fetched/huge');
  return [
    withinMemory({ title: `Fetch ${title}`, measures: { ours: fetched } }, MOST_MEMORY),
    withinMemory({ title: `Publish ${title}`, measures: { ours: published } }, MOST_MEMORY),
  ];
}

async function namesBelow({ blob }: Workbench, prefix: string): Promise<readonly string[]> {
  const container = BlobServiceClient.fromConnectionString(blob.connectionString).getContainerClient(CONTAINER);
  const names: string[] = [];
  for await (const { name } of container.listBlobsFlat({ prefix })) names.push(name);
  return names;
}

export const CASES = {
  one: {
    title: '1 GiB in one file, and again unchanged',
    run: (workbench, rounds) => oneLarge(workbench, rounds, HERE),
  },
  many: { title: '1,000 files of 100 KiB', run: (workbench, rounds) => manySmall(workbench, rounds, HERE) },
  far: { title: 'The same, store far away', run: farAway },
  huge: { title: '4 GiB in one file', run: huge },
} as const satisfies Readonly<Record<string, Case>>;

export type CaseName = keyof typeof CASES;
