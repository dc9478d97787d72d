import picomatch from 'picomatch';
import { DeliveryError } from '../errors/delivery-error.ts';
import { inPathOrder } from './model-digest.ts';
import { nearestNames } from './nearest-names.ts';
import type { PlainSelection } from './selection.ts';
import type { ObjectStore, StoredObject } from './stores/object-store.ts';

/** A blob that belongs to the model, and the path that it has in it. */
export interface SelectedObject extends StoredObject {
  readonly path: string;
}

/**
 * The blobs of a plain container that a selection means, as one listing saw them; reading them under the ETags of
 * that listing makes them one snapshot.
 *
 * A blob's path in the model is its name without the folders that its pattern spells out: `prod/v3/model.pkl` becomes
 * `model.pkl`, and what `prod/**` finds keeps its folders below `prod`.
 *
 * @throws DeliveryError `BLOB_NOT_FOUND` where a pattern matches nothing
 */
export async function takeSnapshot(
  store: ObjectStore,
  { patterns, select }: PlainSelection,
  signal: AbortSignal,
): Promise<readonly SelectedObject[]> {
  const selected = new Map<string, SelectedObject>();
  for (const text of patterns) {
    const pattern = parsePattern(text);
    const found: StoredObject[] = [];
    for await (const object of store.list(pattern.prefix, signal)) {
      if (pattern.matches(object.name)) found.push(object);
    }
    if (found.length === 0) throw await noMatch(store, text, pattern, signal);
    const wanted = select === 'all' ? found : [found.reduce(newer)];
    for (const object of wanted) selected.set(object.name, { ...object, path: pattern.pathOf(object.name) });
  }
  return inPathOrder([...selected.values()]);
}

/** The blob modified last; of two within the same second, the one whose name is greater, so that the choice is always the same. */
function newer<T extends StoredObject>(a: T, b: T): T {
  const later = a.modified.getTime() - b.modified.getTime();
  return later > 0 || (later === 0 && a.name > b.name) ? a : b;
}

interface Pattern {
  /** What all matching names begin with. */
  readonly prefix: string;
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
    prefix,
    // A blob may well be called `model[1].bin`: its own name always means itself.
    matches: (name) => name === text || matcher(name),
    pathOf: (name) => name.slice(folder.length),
  };
}

async function noMatch(
  store: ObjectStore,
  text: string,
  { prefix }: Pattern,
  signal: AbortSignal,
): Promise<DeliveryError> {
  const near = await nearestNames(text, namesAround(store, prefix, signal));
  return new DeliveryError('BLOB_NOT_FOUND', {
    message: `No blob in the container ${store.container} matches ${JSON.stringify(text)}.`,
    remedy:
      near.length === 0
        ? 'There is nothing near that name; check container and blobs.'
        : `Nearest are: ${near.join(', ')}. Names are case-sensitive.`,
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
