import { DeliveryError } from '../errors/delivery-error.ts';
import { readDeprecation, versionDeprecated } from './deprecation.ts';
import { DocumentReader } from './document.ts';
import { Hold } from './hold.ts';
import type { ManagedStore, VersionName } from './managed-store.ts';
import type { ObjectStore } from './stores/object-store.ts';

/** What a channel says: the version that it names, and how it came to. */
export interface Channel {
  readonly version: string;
  readonly digest: string;
  readonly moved: Date;
  /** The version that it named before. */
  readonly previous?: string | undefined;
}

/** A channel as it was found, with the ETag by which to move it from just there. */
export interface FoundChannel extends Channel {
  readonly etag: string;
}

/** A channel with its name. */
export interface NamedChannel extends Channel {
  readonly name: string;
}

/** Whom a channel named before and whether this call changed that. */
export interface ChannelMove {
  readonly moved: boolean;
  readonly previous: string | undefined;
}

/** Racing publishers wait for each other at most this often; each round, one of them gets through. */
const ROUNDS = 50;
/** Longest that a move which must not be may take to undo, in milliseconds. */
const PUT_BACK_LIMIT = 10_000;

/** The channel of a model, or undefined where there is none. Throws `MANIFEST_INVALID` where it cannot be read. */
export async function readChannel(
  store: ObjectStore,
  name: string,
  signal: AbortSignal,
): Promise<FoundChannel | undefined> {
  const found = await store.read(name, signal);
  if (found === undefined) return undefined;
  const document = DocumentReader.parse(found.text, store.uriOf(name));
  return {
    version: document.text('version'),
    digest: document.text('digest'),
    moved: new Date(document.text('moved')),
    previous: document.optionalText('previous'),
    etag: found.etag,
  };
}

/** Where a channel is to point. */
export interface ChannelTarget extends VersionName {
  readonly channel: string;
  readonly digest: string;
  /** The version that the channel must name now; undefined: whatever it names. */
  readonly expected?: string | undefined;
}

/**
 * Points a channel at a version, by compare-and-swap: whoever is between two publishers sees one or the other, and
 * none overwrites what it has not seen. A deprecated version is refused, also where it is deprecated at this moment: whoever
 * does that writes it down before looking at channels, and here it is looked for after the channel was written, so one of the
 * two always sees the other. From being pruned a {@link Hold} keeps it meanwhile.
 *
 * @throws DeliveryError `CHANNEL_BUSY` where others keep moving it, `CHANNEL_MOVED` where it names another version than
 *   expected, `VERSION_DEPRECATED`, `VERSION_PRUNED`
 */
export async function moveChannel(
  managed: ManagedStore,
  target: ChannelTarget,
  signal: AbortSignal,
): Promise<ChannelMove> {
  const hold = new Hold(managed, target, target.channel);
  try {
    return await moveHeld(managed, target, hold, signal);
  } finally {
    await hold.release();
  }
}

async function moveHeld(
  managed: ManagedStore,
  target: ChannelTarget,
  hold: Hold,
  signal: AbortSignal,
): Promise<ChannelMove> {
  const { store, layout } = managed;
  const name = layout.channel(target.model, target.channel);
  const moved = new Date();
  for (let round = 0; round < ROUNDS; round++) {
    const current = await readChannel(store, name, signal);
    if (current?.version === target.version && current.digest === target.digest) {
      // Of this very moment: it is our own write, whose answer got lost.
      const ours = round > 0 && current.moved.getTime() === moved.getTime();
      return { moved: ours, previous: current.previous };
    }
    if (target.expected !== undefined && current?.version !== target.expected) throw channelMoved(target, current);
    await hold.take(signal);
    await refuseDeprecated(managed, target, signal);
    const next = { version: target.version, digest: target.digest, moved, previous: current?.version };
    if (!(await writeChannel(store, name, next, current, signal))) continue;
    await refuseDeprecated(managed, target, signal).catch(async (refusal: unknown) => {
      await putBack(store, name, next, current);
      throw refusal;
    });
    return { moved: true, previous: current?.version };
  }
  throw new DeliveryError('CHANNEL_BUSY', {
    message: `The channel ${target.channel} of ${target.model} was moved by others each time this task tried to.`,
    remedy: `Run again; the version ${target.version} itself is published.`,
  });
}

/** The channels of a model with what they say, in order of name. */
export async function readChannels(
  { store, layout }: ManagedStore,
  model: string,
  signal: AbortSignal,
): Promise<readonly NamedChannel[]> {
  const channels: NamedChannel[] = [];
  const at = layout.channels(model);
  for await (const { name } of store.list(at, signal)) {
    const found = await readChannel(store, name, signal);
    if (found !== undefined) channels.push({ ...found, name: name.slice(at.length).replace(/\.json$/, '') });
  }
  return channels;
}

async function refuseDeprecated(managed: ManagedStore, version: VersionName, signal: AbortSignal): Promise<void> {
  const said = await readDeprecation(managed, version, signal);
  if (said !== undefined) throw versionDeprecated(version, said);
}

/** Lets a channel say again what it said before a move that must not be. Does not wait for a cancellation: it is one short request. */
async function putBack(store: ObjectStore, name: string, moved: Channel, before: Channel | undefined): Promise<void> {
  const signal = AbortSignal.timeout(PUT_BACK_LIMIT);
  const current = await readChannel(store, name, signal);
  if (current?.version !== moved.version || current.moved.getTime() !== moved.moved.getTime()) return;
  if (before === undefined) await store.remove(name, signal);
  else await writeChannel(store, name, before, current, signal);
}

function writeChannel(
  store: ObjectStore,
  name: string,
  { version, digest, moved, previous }: Channel,
  current: FoundChannel | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const document = { schemaVersion: 1, version, digest, moved: moved.toISOString(), previous };
  const bytes = Buffer.from(`${JSON.stringify(document, null, 2)}\n`);
  return store.write(name, bytes, current === undefined ? 'absent' : { etag: current.etag }, signal);
}

function channelMoved({ model, channel, expected }: ChannelTarget, current: Channel | undefined): DeliveryError {
  return new DeliveryError('CHANNEL_MOVED', {
    message: `The channel ${channel} of ${model} names ${current === undefined ? 'nothing yet' : `the version ${current.version}`}, not ${expected ?? ''} as expected.`,
    remedy: 'Somebody moved it; look at what it names now, then run again with that as expectedVersion, or without it.',
  });
}
