// What the store benchmark compares, and what each figure must be.
import { BlobServiceClient } from '@azure/storage-blob';
import { FaultProxy } from '../../../test/support/fault-proxy.ts';
import { CountingProxy } from '../counting-proxy.ts';
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

async function oneLarge(workbench: Workbench, rounds: number): Promise<readonly Result[]> {
  const title = '1 GiB in one file';
  const source = await workbench.files('one', 1, GiB);
  const up = await inRounds(rounds, {
    ours: (round) => workbench.publish('one', `1.0.${round}`, source),
    az: () =>
      workbench.az('upload', ...IN_CONTAINER, '--file', `${source}/0000.bin`, '--name', 'az/one.bin', '--overwrite'),
    curl: () => workbench.curlUpload(source, 'curl/'),
  });
  const down = await inRounds(rounds, {
    ours: async () => {
      await workbench.makeRoom('fetched', '.fetched.model-delivery.json');
      return workbench.fetch('one', 'fetched/one');
    },
    az: async () => {
      await workbench.makeRoom('az.bin');
      return workbench.az('download', ...IN_CONTAINER, '--name', 'az/one.bin', '--file', workbench.at('az.bin'));
    },
    curl: async () => {
      await workbench.makeRoom('curl');
      return workbench.curl(['az/one.bin'], 'curl');
    },
    checked: async () => {
      await workbench.makeRoom('curl');
      return workbench.curlAndCheck('az/one.bin', 'curl');
    },
  });
  await workbench.clear('one', 'az.bin', 'curl');
  return [
    fasterThan({ title: `Fetch ${title}`, measures: down }, 'az', 4),
    near({ title: `Fetch ${title}`, measures: down }, 'curl', 1.25),
    withinMemory({ title: `Fetch ${title}`, measures: down }, MOST_MEMORY),
    fasterThan({ title: `Publish ${title}`, measures: up }, 'az', 2),
    withinMemory({ title: `Publish ${title}`, measures: up }, MOST_MEMORY),
    await unchanged(workbench, rounds),
  ];
}

/** Fetches again what is there, through a proxy that sees every byte. */
async function unchanged(workbench: Workbench, rounds: number): Promise<Result> {
  const proxy = await CountingProxy.start(workbench.blob.endpoint);
  const title = 'Fetch it again, unchanged';
  const measures = await inRounds(rounds, {
    ours: () => workbench.behind(proxy.origin).fetch('one', 'fetched/one'),
  });
  const data = proxy.bytes((path) => !path.endsWith('.json') && path.includes('/files/'));
  await proxy.stop();
  return withBytes(withinSeconds({ title, measures }, 0.5), 'bytes of data', data);
}

/** The store as far away as one of the same region: what takes long then is not work but waiting. */
async function manyFarAway(workbench: Workbench, rounds: number): Promise<readonly Result[]> {
  const proxy = await FaultProxy.start(workbench.blob.endpoint, () => ({ delay: DISTANCE }));
  try {
    return await manySmall(
      workbench.behind(proxy.origin),
      rounds,
      'far',
      `1,000 files of 100 KiB, ${DISTANCE} ms away`,
    );
  } finally {
    await proxy.stop();
  }
}

async function manySmall(
  workbench: Workbench,
  rounds: number,
  name = 'many',
  title = '1,000 files of 100 KiB',
): Promise<readonly Result[]> {
  const source = await workbench.files(name, 1000, 100 * 1024);
  const up = await inRounds(rounds, {
    ours: (round) => workbench.publish(name, `1.0.${round}`, source),
    az: (round) =>
      workbench.az(
        'upload-batch',
        '--destination',
        CONTAINER,
        '--destination-path',
        `az/${name}-${round}`,
        '--source',
        source,
      ),
    curl: (round) => workbench.curlUpload(source, `curl/${name}-${round}/`),
  });
  const blobs = await namesBelow(workbench, `az/${name}-1/`);
  const down = await inRounds(rounds, {
    ours: async () => {
      await workbench.clear('fetched', '.fetched.model-delivery.json');
      return workbench.fetch(name, `fetched/${name}`);
    },
    az: async () => {
      await workbench.clear('az');
      return workbench.az(
        ...['download-batch', '--source', CONTAINER, '--pattern', `az/${name}-1/*`],
        ...['--destination', await workbench.emptyFolder('az')],
      );
    },
    curl: async () => {
      await workbench.clear('curl');
      return workbench.curl(blobs, 'curl');
    },
  });
  await workbench.clear(name, 'az', 'curl');
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
  one: { title: '1 GiB in one file, and again unchanged', run: oneLarge },
  many: { title: '1,000 files of 100 KiB', run: (workbench, rounds) => manySmall(workbench, rounds) },
  far: { title: '1,000 files of 100 KiB, store far away', run: manyFarAway },
  huge: { title: '4 GiB in one file', run: huge },
} as const satisfies Readonly<Record<string, Case>>;

export type CaseName = keyof typeof CASES;
