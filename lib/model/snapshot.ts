import { isDeepStrictEqual } from 'node:util';
import picomatch from 'picomatch';
import { DeliveryError } from '../errors/delivery-error.ts';
import { inPathOrder } from './model-digest.ts';
import { nearestNames } from '../naming/nearest-names.ts';
import { wait } from '../http/retry.ts';
import { versionOfText } from './names.ts';
import { highestFirst, semanticVersion, versionInPath } from '../naming/semantic-version.ts';
import type { PlainChoice, PlainSelection } from './selection.ts';
import type { ObjectStore, StoredObject } from './stores/object-store.ts';

/** Waits before each try to find a container at rest, in milliseconds: whatever writes there may be done by then. */
const WAITS: readonly number[] = [0, 500, 1000, 2000, 4000];

/** A blob that belongs to the model, and the path that it has in it. */
export interface SelectedObject extends StoredObject {
  readonly path: string;
}

/** The blobs that make up a model, as they all were at one moment. */
export interface Snapshot {
  /** In byte order of their paths. */
  readonly objects: readonly SelectedObject[];
  /** The version that names of blobs or folders give; undefined where they give none. */
  readonly version: string | undefined;
  /** The folder that all of it comes from, with a slash at its end, where one was chosen. */
  readonly folder: string | undefined;
}

/** What one line selects. */
interface Selected {
  readonly objects: readonly SelectedObject[];
  readonly version?: string;
  readonly folder?: string;
}

/**
 * The blobs of a plain container that a selection means, in a state that it was in. Reading them under their ETags makes them one snapshot.
 *
 * Each line is listed by itself, and a long listing comes in pages: what changes between two of these requests gives a mixture that
 * never was. So all is listed twice, and where both agree, it was so from the end of the first to the beginning of the second. A
 * single blob, which most selections mean, cannot be a mixture and is listed once.
 *
 * A blob's path in the model is its name without the folders that its pattern spells out: `prod/v3/model.pkl` becomes
 * `model.pkl`, and what `prod/**` finds keeps its folders below `prod`. With `newestFolder` the folder itself is left out as well.
 *
 * @throws DeliveryError `BLOB_NOT_FOUND` where a pattern matches nothing, `VERSION_NOT_FOUND` where no name holds a version,
 *   `CONTAINER_BUSY` where no two listings agree, `TAGS_UNSUPPORTED`, `TAG_FILTER_INVALID`
 */
export async function takeSnapshot(
  store: ObjectStore,
  selection: PlainSelection,
  signal: AbortSignal,
): Promise<Snapshot> {
  for (const milliseconds of WAITS) {
    await wait(milliseconds, signal);
    const seen = await listOnce(store, selection, signal);
    if (seen.objects.length === 1 || isDeepStrictEqual(seen, await listOnce(store, selection, signal))) return seen;
  }
  throw neverAtRest(store, selection);
}

/** What the selection means by one listing of each line. */
async function listOnce(
  store: ObjectStore,
  { patterns, select }: PlainSelection,
  signal: AbortSignal,
): Promise<Snapshot> {
  const tagged = typeof select === 'object' ? await listed(store.listTagged(select.tagged, signal)) : undefined;
  const lines: Selected[] = [];
  for (const text of patterns) {
    const pattern = parsePattern(select === 'newestFolder' ? asFolder(text) : text);
    const candidates = tagged ?? store.list(pattern.prefix, signal);
    const found = (await listed(candidates)).filter(({ name }) => pattern.matches(name));
    if (found.length === 0) throw await noMatch(store, text, pattern, select, signal);
    lines.push(chosenOf(found, pattern, select));
  }
  const objects = new Map(lines.flatMap((line) => line.objects.map((object) => [object.name, object])));
  const folders = new Set(lines.map(({ folder }) => folder));
  return {
    objects: inPathOrder([...objects.values()]),
    version: versionOf(lines),
    folder: folders.size === 1 ? lines[0]?.folder : undefined,
  };
}

/** Objects that can be files: consoles and tools make empty ones that only stand for a folder. */
async function listed(objects: AsyncIterable<StoredObject> | Iterable<StoredObject>): Promise<StoredObject[]> {
  const files: StoredObject[] = [];
  for await (const object of objects) if (!object.name.endsWith('/')) files.push(object);
  return files;
}

function chosenOf(found: readonly StoredObject[], pattern: Pattern, select: PlainChoice): Selected {
  const withPaths = (objects: readonly StoredObject[]): readonly SelectedObject[] =>
    objects.map((object) => ({ ...object, path: pattern.pathOf(object.name) }));
  switch (select) {
    case 'newest':
      return { objects: withPaths([found.reduce(newer)]) };
    case 'semver': {
      const versions = versionsOf(found, pattern);
      const version = highestFirst([...versions.values()].flatMap((each) => each ?? [])).at(0);
      if (version === undefined) throw noVersion(found, pattern);
      return { objects: withPaths(found.filter(({ name }) => isVersion(versions.get(name), version))), version };
    }
    case 'newestFolder':
      return newestFolder(found, pattern);
    default:
      return { objects: withPaths(found) };
  }
}

/** The versions that names hold, without the pattern's own folders: all matches have those. Only where there are none otherwise, those of the folders. */
function versionsOf(found: readonly StoredObject[], pattern: Pattern): ReadonlyMap<string, string | undefined> {
  const own = new Map(found.map(({ name }) => [name, versionInPath(pattern.pathOf(name))]));
  const isTold = [...own.values()].some((version) => version !== undefined);
  return isTold ? own : new Map(found.map(({ name }) => [name, versionInPath(name)]));
}

/** All that matches in one folder of those right below the pattern's own: that of the highest version, else that modified last. */
function newestFolder(found: readonly StoredObject[], pattern: Pattern): Selected {
  const folders = new Map<string, StoredObject[]>();
  for (const object of found) {
    const [folder = '', ...rest] = pattern.pathOf(object.name).split('/');
    if (rest.length === 0) continue;
    const own = folders.get(folder) ?? [];
    own.push(object);
    folders.set(folder, own);
  }
  if (folders.size === 0) throw noFolder(pattern);
  const versions = highestFirst(folders.keys());
  const version =
    versions.length === folders.size
      ? (versions[0] ?? '')
      : [...folders].map(([name, objects]) => ({ ...objects.reduce(newer), name })).reduce(newer).name;
  const objects = (folders.get(version) ?? []).map((object) => ({
    ...object,
    path: pattern.pathOf(object.name).slice(version.length + 1),
  }));
  return { objects, version, folder: `${pattern.folder}${version}/` };
}

/** `1.0` and `v1.0.0` are the same. */
function isVersion(text: string | undefined, version: string): boolean {
  return text !== undefined && semanticVersion(text)?.version === semanticVersion(version)?.version;
}

/** The version of all lines; where they differ, each of them, as the model is made of both. */
function versionOf(lines: readonly Selected[]): string | undefined {
  const versions = lines.flatMap(({ version }) => version ?? []);
  // A version can hold nothing of a folder called 模型.
  return versions.length === lines.length ? versionOfText([...new Set(versions)].join('_')) || undefined : undefined;
}

/** The blob modified last; of two within the same second, the one whose name is greater, so that the choice is always the same. */
function newer<T extends StoredObject>(a: T, b: T): T {
  const later = a.modified.getTime() - b.modified.getTime();
  return later > 0 || (later === 0 && a.name > b.name) ? a : b;
}

interface Pattern {
  readonly text: string;
  /** What all matching names begin with. */
  readonly prefix: string;
  /** The folders that the pattern spells out, with a slash at their end; '' where there are none. */
  readonly folder: string;
  matches(name: string): boolean;
  /** A matching name without the pattern's own folders. */
  pathOf(name: string): string;
}

function parsePattern(text: string): Pattern {
  const { base, isGlob } = picomatch.scan(text, { nonegate: true });
  const matcher = picomatch(text, { dot: true, nonegate: true, windows: false });
  // `scan` gives the folder above the first special character, and the whole text where there is none.
  const prefix = isGlob ? (base === '' ? '' : `${base}/`) : text;
  const folder = isGlob ? prefix : text.slice(0, text.lastIndexOf('/') + 1);
  return {
    text,
    prefix,
    folder,
    // A blob may well be called `model[1].bin`: its own name always means itself.
    matches: (name) => name === text || matcher(name),
    pathOf: (name) => name.slice(folder.length),
  };
}

/** A folder above those of the versions may be given without a pattern. */
function asFolder(text: string): string {
  return picomatch.scan(text, { nonegate: true }).isGlob ? text : `${text.replace(/\/+$/, '')}/**`;
}

async function noMatch(
  store: ObjectStore,
  text: string,
  { prefix }: Pattern,
  select: PlainChoice,
  signal: AbortSignal,
): Promise<DeliveryError> {
  if (typeof select === 'object') {
    return new DeliveryError('BLOB_NOT_FOUND', {
      message: `No blob in ${store.uriOf('')} has the tags ${select.tagged} and matches ${JSON.stringify(text)}.`,
      remedy: 'Check tagFilter and blobs. Tags are case-sensitive, and a new one takes a while until it can be found.',
    });
  }
  const near = await nearestNames(text, namesAround(store, prefix, signal));
  return new DeliveryError('BLOB_NOT_FOUND', {
    message: `No blob in ${store.uriOf('')} matches ${JSON.stringify(text)}.`,
    remedy:
      near.length === 0
        ? 'There is nothing near that name; check container and blobs.'
        : `Nearest are: ${near.join(', ')}. Names are case-sensitive.`,
  });
}

function noVersion(found: readonly StoredObject[], { text }: Pattern): DeliveryError {
  const [first] = found;
  return new DeliveryError('VERSION_NOT_FOUND', {
    message: `None of the ${found.length} blobs that match ${JSON.stringify(text)} has a version in its name.`,
    remedy: `A version stands between - or _ or /, as in digits-2.1.0.pkl; found was ${first?.name ?? ''}. Or choose another select.`,
  });
}

function noFolder({ text, folder }: Pattern): DeliveryError {
  return new DeliveryError('VERSION_NOT_FOUND', {
    message: `What matches ${JSON.stringify(text)} is not in folders of its own below ${JSON.stringify(folder)}.`,
    remedy:
      'Name the folder above the folders of the versions, such as models/digits for models/digits/2.1.0/model.onnx.',
  });
}

function neverAtRest(store: ObjectStore, { patterns }: PlainSelection): DeliveryError {
  const lines = patterns.map((text) => JSON.stringify(text)).join(', ');
  return new DeliveryError('CONTAINER_BUSY', {
    message: `What ${lines} finds in ${store.uriOf('')} changed from one listing to the next, ${WAITS.length} times.`,
    remedy: 'Run again once nothing writes there, or publish with PublishModel, whose versions appear all at once.',
  });
}

/** Names below the folder of a prefix, and where that is empty, of the container. */
async function* namesAround(store: ObjectStore, prefix: string, signal: AbortSignal): AsyncGenerator<string> {
  const folder = prefix.slice(0, prefix.lastIndexOf('/') + 1);
  let found = false;
  for await (const { name } of store.list(folder, signal)) {
    found = true;
    yield name;
  }
  if (!found && folder !== '') for await (const { name } of store.list('', signal)) yield name;
}
