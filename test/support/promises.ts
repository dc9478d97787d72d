// What the model store promises, each promise tried as often as one likes: a few times by the suite, often by `npm run bench -- faults`.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { isDeepStrictEqual } from 'node:util';
import { each } from '../../lib/kube/rollout/each.ts';
import { fetchModel } from '../../lib/model/fetch.ts';
import { type Published, publishModel } from '../../lib/model/publish.ts';
import type { ModelSelection } from '../../lib/model/selection.ts';
import type { ObjectStore } from '../../lib/model/stores/object-store.ts';
import { type BlobContainer, freshContainer, namesIn, openContainer, put } from './blob-container.ts';
import { FaultProxy } from './fault-proxy.ts';
import type { FetchOrder } from './fetcher.ts';
import { contentOf, noise, silent, TestFolder } from './model-folder.ts';
import { seeded } from './random.ts';

const NEVER = new AbortController().signal;
const MiB = 1024 * 1024;
const latest: ModelSelection = { layout: 'managed', prefix: 'models', model: 'digits', by: { channel: 'latest' } };

/** How a promise was tried, and each time that it was not kept. */
export interface Trial {
  readonly runs: number;
  readonly broken: readonly string[];
}

export interface TrialOptions {
  readonly runs: number;
  readonly seed: number;
}

/** Never a wrong or partial model at its final path, through connections cut at random bytes by FIN and RST; all complete. */
export async function tryCuts({ runs, seed }: TrialOptions): Promise<Trial> {
  // Most of a run is waiting before the next attempt.
  return inPlace({ runs, atOnce: 4 }, async (place, run) => {
    const random = seeded(seed + run);
    const model = { 'a.bin': noise(9 * MiB, run + 1), 'b.bin': noise(MiB, run + 2), 'c.txt': 'small' };
    await publish(await openContainer(place.container), place.folder.write('m', model), `${run}`);
    const proxy = await FaultProxy.start(place.container.service.endpoint, ({ index }) => {
      const by = random() < 0.5 ? 'fin' : 'rst';
      return index < 12 && random() < 0.6 ? { cutAfter: { bytes: Math.floor(random() * 6 * MiB), by } } : undefined;
    });
    try {
      await fetch(await openContainer(place.container, { origin: proxy.origin }), place.folder.at('out/model'));
      return difference(place.folder.at('out/model'), model);
    } finally {
      await proxy.stop();
    }
  });
}

/**
 * A fetch gives a state that the store was in, whatever is overwritten meanwhile: never bytes of two states of a blob, and
 * never an old blob beside a new one that was written after it was replaced.
 */
export async function tryOverwrites({ runs, seed }: TrialOptions): Promise<Trial> {
  const all: ModelSelection = { layout: 'plain', model: undefined, patterns: ['*.bin'], select: 'all' };
  return inPlace({ runs }, async ({ container, folder }, run) => {
    const random = seeded(seed + run);
    const overwrite = (name: string, state: number): Promise<unknown> =>
      put(container, name, Buffer.alloc(9 * MiB, state));
    await Promise.all([overwrite('a.bin', 1), overwrite('b.bin', 1)]);
    const fetching = fetch(await openContainer(container), folder.at('out/model'), all);
    await delay(random() * 60);
    await overwrite('a.bin', 2);
    await delay(random() * 20);
    await overwrite('b.bin', 2);
    await fetching;
    const content = contentOf(folder.at('out/model'));
    const fetched = Object.keys(content)
      .sort()
      .map((name) => `${name} ${statesIn(content[name] ?? '')}`)
      .join(', ');
    const states = ['a.bin 1, b.bin 1', 'a.bin 2, b.bin 1', 'a.bin 2, b.bin 2'];
    return states.includes(fetched) ? undefined : `mixed: ${fetched}`;
  });
}

/** The bytes that are in a content, each once: of one state there is one. */
function statesIn(content: string): string {
  return [...new Set(Buffer.from(content, 'latin1'))].join(' and ');
}

/** A fetch that is killed at any moment leaves the old model, the new one or none, and the next fetch completes. */
export async function tryKills({ runs, seed }: TrialOptions): Promise<Trial> {
  return inPlace({ runs }, async ({ container, folder }, run) => {
    const random = seeded(seed + run);
    const store = await openContainer(container);
    const [old, fresh] = [{ 'a.bin': noise(MiB, 1) }, { 'a.bin': noise(24 * MiB, 2), 'b.txt': 'new' }];
    const destination = folder.at('out/model');
    await publish(store, folder.write('old', old), '1');
    await fetch(store, destination);
    await publish(store, folder.write('new', fresh), '2');
    await killed({ access: container.access, selection: latest, destination }, random() * 250);
    const left = difference(destination, old) === undefined || difference(destination, fresh) === undefined;
    // Between its two renames a killed fetch has moved the old folder away, and the next one knows.
    if (!left && Object.keys(contentOf(destination)).length > 0) return 'a partial model at its final path';
    await fetch(store, destination);
    return difference(destination, fresh);
  });
}

/** Of twenty that publish one version at once, exactly one wins, and a fetch gets what it published. */
export async function tryRaces({ runs }: TrialOptions): Promise<Trial> {
  return inPlace({ runs }, async ({ container, folder }) => {
    const store = await openContainer(container);
    const sources = Array.from({ length: 20 }, (_, racer) => folder.write(`m${racer}`, { 'm.txt': `by ${racer}` }));
    const outcomes = await Promise.allSettled(sources.map((source) => publish(store, source, '1')));
    const winners = outcomes.flatMap((outcome, racer) => (outcome.status === 'fulfilled' ? [racer] : []));
    if (winners.length !== 1) return `${winners.length} winners`;
    await fetch(store, folder.at('out/model'));
    return difference(folder.at('out/model'), { 'm.txt': `by ${winners[0] ?? ''}` });
  });
}

/** To publish or fetch again changes nothing. */
export async function tryAgain({ runs }: TrialOptions): Promise<Trial> {
  return inPlace({ runs }, async ({ container, folder }, run) => {
    const store = await openContainer(container);
    const source = folder.write('m', { 'a.bin': noise(9 * MiB, run + 1), 'b.txt': 'small' });
    const first = await publish(store, source, '1');
    const names = await namesIn(container);
    const second = await publish(store, source, '1');
    if (!isDeepStrictEqual(await namesIn(container), names)) return 'new blobs';
    if (second.manifest.digest !== first.manifest.digest || second.result !== 'unchanged') return 'another digest';
    await fetch(store, folder.at('out/model'));
    return (await fetch(store, folder.at('out/model'))) === 'unchanged' ? undefined : 'fetched again';
  });
}

interface Place {
  readonly container: BlobContainer;
  readonly folder: TestFolder;
}

/** Runs a trial again and again, each time in a container and a folder of its own. */
async function inPlace(
  { runs, atOnce = 1 }: { readonly runs: number; readonly atOnce?: number },
  trial: (place: Place, run: number) => Promise<string | undefined>,
): Promise<Trial> {
  const broken: string[] = [];
  await each([...Array(runs).keys()], atOnce, async (run) => {
    const place = { container: await freshContainer(), folder: new TestFolder() };
    try {
      const problem = await trial(place, run);
      if (problem !== undefined) broken.push(`run ${run}: ${problem}`);
    } catch (error) {
      broken.push(`run ${run}: ${String(error)}`);
    } finally {
      place.folder.remove();
      await place.container.client.delete();
    }
  });
  return { runs, broken };
}

function publish(store: ObjectStore, path: string, version: string): Promise<Published> {
  const what = { path, prefix: 'models', model: 'digits', channel: 'latest', properties: {}, source: {} };
  return publishModel(store, { ...what, version }, silent, NEVER);
}

async function fetch(store: ObjectStore, destination: string, selection = latest): Promise<string> {
  return (await fetchModel(store, selection, destination, silent, NEVER)).result;
}

/** How a folder differs from what it must hold; undefined where it does not. */
function difference(folder: string, expected: Readonly<Record<string, string | Buffer>>): string | undefined {
  const found = contentOf(folder);
  const names = Object.keys(expected);
  if (!isDeepStrictEqual(Object.keys(found).sort(), [...names].sort())) return `holds ${Object.keys(found).join(', ')}`;
  return names.find((name) => found[name] !== Buffer.from(expected[name] ?? '').toString('latin1'));
}

/** Fetches in a process of its own, which is ended at once so many milliseconds after it has begun. */
async function killed(order: FetchOrder, after: number): Promise<void> {
  const program = join(import.meta.dirname, 'fetcher.ts');
  const child = spawn(process.execPath, [program, JSON.stringify(order)], { stdio: ['ignore', 'pipe', 'inherit'] });
  const exit = once(child, 'exit');
  await once(child.stdout, 'data');
  await delay(after);
  child.kill('SIGKILL');
  await exit;
}
