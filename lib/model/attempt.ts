import { createHash, randomBytes } from 'node:crypto';
import { type Deprecation, readDeprecation } from './deprecation.ts';
import type { ManagedStore, VersionName } from './managed-store.ts';
import { readAtOnce, type SourceFile } from './source-files.ts';
import type { StoredObject } from './stores/object-store.ts';

/**
 * What an earlier attempt left is taken over when it is younger than this, in milliseconds. `prune` removes such things
 * when they are older than twice that, so that it never takes away what somebody has just taken over.
 */
const ADOPTABLE_FOR = 12 * 3_600_000;

/** Places of a model's files that are looked at to tell one model from another, and how many bytes at each. */
const SAMPLES = 256;
const SAMPLE = 4096;

/** Where an attempt to publish a version puts its files, and what it found there. */
export interface Attempt {
  /** Relative to the version, such as `files/0b1c2d3e4f506172`. */
  readonly folder: string;
  /** What is in the folder already, by name. */
  readonly held: ReadonlyMap<string, StoredObject>;
  /** Where the version was there and was pruned: its name may only be published with the content that it had. */
  readonly pruned: Deprecation | undefined;
}

/**
 * Chooses the folder of an attempt. It is named after a sample of the files, so that a later attempt to publish the same finds again what
 * this one has sent before it failed. Nothing hangs on the sample: whatever has a name in the store keeps it and is compared before
 * it is taken over; where it is another content, the next attempt goes to a folder of its own.
 */
export async function beginAttempt(
  managed: ManagedStore,
  version: VersionName,
  files: readonly SourceFile[],
  signal: AbortSignal,
): Promise<Attempt> {
  const folder = `files/${sampleDigest(files)}`;
  const objects = await objectsOf(managed, version, signal);
  const said = objects.some(({ name }) => name === managed.layout.deprecation(version.model, version.version))
    ? await readDeprecation(managed, version, signal)
    : undefined;
  const below = managed.layout.file(version.model, version.version, folder, '');
  const held = objects.filter(({ name }) => name.startsWith(below));
  const old = held.some(({ modified }) => Date.now() - modified.getTime() > ADOPTABLE_FOR);
  // What prune removes may go at any moment.
  const pruned = said?.pruned === undefined ? undefined : said;
  if (old || pruned !== undefined) return freshAttempt(pruned);
  return { folder, held: new Map(held.map((object) => [object.name, object])), pruned: undefined };
}

/** An attempt in a folder that nobody else has. */
export function freshAttempt(pruned: Deprecation | undefined): Attempt {
  return { folder: `files/${randomBytes(8).toString('hex')}`, held: new Map(), pruned };
}

/** All that is in the store of a version, in order of name. */
export async function objectsOf(
  { store, layout }: ManagedStore,
  { model, version }: VersionName,
  signal: AbortSignal,
): Promise<readonly StoredObject[]> {
  const objects: StoredObject[] = [];
  for await (const object of store.list(`${layout.version(model, version)}/`, signal)) objects.push(object);
  return objects;
}

/** 16 digits for the files' names, sizes and some of their bytes. */
function sampleDigest(files: readonly SourceFile[]): string {
  const each = Math.max(1, Math.min(16, Math.floor(SAMPLES / files.length)));
  const hash = createHash('sha256');
  for (const file of files) hash.update(`${JSON.stringify([file.path, file.size])}\n${sampleOf(file, each)}\n`);
  return hash.digest('hex').slice(0, 16);
}

/** Digest of some bytes of a file: all of a small one, else of places spread evenly from its beginning to its end. */
function sampleOf({ location, size }: SourceFile, count: number): string {
  const hash = createHash('sha256');
  const bytes = Buffer.alloc(SAMPLE);
  for (let index = 0; index < count; index++) {
    const position = count === 1 ? 0 : Math.floor(((size - SAMPLE) / (count - 1)) * index);
    const read = readAtOnce(location, bytes, Math.max(0, position));
    hash.update(bytes.subarray(0, read.bytes));
    if (size <= SAMPLE) break;
  }
  return hash.digest('hex');
}
