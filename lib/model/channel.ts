import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { readDeprecation, versionDeprecated } from './deprecation.ts';
import { DocumentReader } from './document.ts';
import { findVersion } from './find-version.ts';
import { Hold } from './hold.ts';
import type { ManagedStore, VersionName } from './managed-store.ts';
import type { ObjectStore } from './stores/object-store.ts';
import { STORE_LIMITS } from './stores/peer-limits.ts';
import { storeLimit } from './time-limit.ts';

/** What a channel says: the version that it names, and how it came to. */
export interface Channel {
  readonly version: string;
  readonly digest: string;
  readonly moved: Date;
  /** The version that it named before. */
  readonly previous?: string | undefined;
}

/** What stands where a channel is kept, with the ETag by which to move it from just there. */
interface ChannelState {
  /** Undefined where it names nothing. */
  readonly channel: Channel | undefined;
  readonly etag: string;
}

/** A channel with its name. */
export interface NamedChannel extends Channel {
  readonly name: string;
}

/** Whether a call moved a channel, and from where. */
export interface ChannelMove {
  readonly moved: boolean;
  /** The version that it named before; undefined where it named none, and where nothing was moved. */
  readonly previous: string | undefined;
  /** A version that was created later, which the channel names and goes on to name. */
  readonly newer?: string;
}

/** Racing publishers wait for each other at most this often; each round, one of them gets through. */
const ROUNDS = 50;
/** Longest that a move which must not be may take to undo, in milliseconds: several silences of the store. */
const PUT_BACK_LIMIT = 4 * STORE_LIMITS.idle;

/** The channel of a model, or undefined where there is none. Throws `MANIFEST_INVALID` where it cannot be read. */
export async function readChannel(store: ObjectStore, name: string, signal: AbortSignal): Promise<Channel | undefined> {
  return (await findChannel(store, name, signal))?.channel;
}

async function findChannel(store: ObjectStore, name: string, signal: AbortSignal): Promise<ChannelState | undefined> {
  const found = await store.read(name, signal);
  if (found === undefined) return undefined;
  const { text, etag } = found;
  const document = DocumentReader.parse(text, store.uriOf(name));
  if (document.has('empty')) return { channel: undefined, etag };
  const channel = {
    version: document.text('version'),
    digest: document.text('digest'),
    moved: new Date(document.text('moved')),
    previous: document.optionalText('previous'),
  };
  return { channel, etag };
}

/** Where a channel is to point. */
export interface ChannelTarget extends VersionName {
  readonly channel: string;
  readonly digest: string;
  /** The version that the channel must name now; undefined: whatever it names. */
  readonly expected?: string | undefined;
  /** A channel stays with a version that was created later than this; undefined: it is moved from any. */
  readonly unlessAfter?: Date | undefined;
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
  let before: Channel | undefined;
  for (let round = 0; round < ROUNDS; round++) {
    const state = await findChannel(store, name, signal);
    const current = state?.channel;
    // Of this very moment: it is our own write, whose answer got lost.
    const isOurs = round > 0 && names(current, target) && current?.moved.getTime() === moved.getTime();
    if (!isOurs) {
      if (target.expected !== undefined && current?.version !== target.expected) throw channelMoved(target, current);
      const unmoved = await leftAlone(managed, target, current, signal);
      if (unmoved !== undefined) return unmoved;
      await hold.take(signal);
      await refuseDeprecated(managed, target, signal);
      before = current;
      const next = { version: target.version, digest: target.digest, moved, previous: current?.version };
      if (!(await writeChannel(store, name, next, state, signal))) continue;
    }
    await refuseDeprecated(managed, target, signal).catch(async (refusal: unknown) => {
      throw await undone(managed, target, { moved, before }, refusal);
    });
    return { moved: true, previous: before?.version };
  }
  throw new DeliveryError('CHANNEL_BUSY', {
    message: `The channel ${target.channel} of ${target.model} was moved by others each time this task tried to.`,
    remedy: `Run again; the version ${target.version} itself is published.`,
  });
}

function names(channel: Channel | undefined, { version, digest }: ChannelTarget): boolean {
  return channel?.version === version && channel.digest === digest;
}

/** What became of a channel that need not be moved, as it names the version already, or must not be; undefined of others. */
async function leftAlone(
  managed: ManagedStore,
  target: ChannelTarget,
  current: Channel | undefined,
  signal: AbortSignal,
): Promise<ChannelMove | undefined> {
  if (names(current, target)) {
    await refuseDeprecated(managed, target, signal);
    return { moved: false, previous: undefined };
  }
  const newer = await newerThan(managed, target, current, signal);
  return newer === undefined ? undefined : { moved: false, previous: undefined, newer };
}

/** The version that a channel names, where it was created too late for the channel to leave it. One that is gone keeps nothing. */
async function newerThan(
  { store, layout }: ManagedStore,
  { model, unlessAfter }: ChannelTarget,
  current: Channel | undefined,
  signal: AbortSignal,
): Promise<string | undefined> {
  if (unlessAfter === undefined || current === undefined) return undefined;
  const named = await findVersion(store, layout, { model, version: current.version }, signal);
  return named !== undefined && named.created > unlessAfter ? named.version : undefined;
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

/** A move that must not be: when it was made, and what the channel said before it. */
interface WrongMove {
  readonly moved: Date;
  readonly before: Channel | undefined;
}

/** Undoes a move that was refused after it was made, and says in the refusal where it could not. */
async function undone(
  managed: ManagedStore,
  target: ChannelTarget,
  move: WrongMove,
  refusal: unknown,
): Promise<unknown> {
  try {
    await putBack(managed, target, move);
    return refusal;
  } catch (cause) {
    if (!(refusal instanceof DeliveryError)) return refusal;
    return new DeliveryError(refusal.code, {
      message: `${refusal.message} The channel ${target.channel} names it all the same, because it could not be moved back: ${messageOf(cause)}`,
      remedy: `Let the channel name another version (action promote of PublishModel). ${refusal.remedy}`,
      cause,
    });
  }
}

/**
 * Lets a channel say again what it said before. Does not wait for a cancellation: these are two short requests. What named nothing before is
 * not removed but told to name nothing, since not every store can remove just the state that was seen.
 */
async function putBack({ store, layout }: ManagedStore, target: ChannelTarget, move: WrongMove): Promise<void> {
  const name = layout.channel(target.model, target.channel);
  const signal = storeLimit(store, `the channel ${target.channel} of ${target.model}`, PUT_BACK_LIMIT);
  const state = await findChannel(store, name, signal);
  if (state?.channel?.version !== target.version || state.channel.moved.getTime() !== move.moved.getTime()) return;
  await writeChannel(store, name, move.before, state, signal);
}

function writeChannel(
  store: ObjectStore,
  name: string,
  channel: Channel | undefined,
  state: ChannelState | undefined,
  signal: AbortSignal,
): Promise<boolean> {
  const said = channel === undefined ? { empty: true } : { ...channel, moved: channel.moved.toISOString() };
  const bytes = Buffer.from(`${JSON.stringify({ schemaVersion: 1, ...said }, null, 2)}\n`);
  return store.write(name, bytes, state === undefined ? 'absent' : { etag: state.etag }, signal);
}

function channelMoved({ model, channel, expected }: ChannelTarget, current: Channel | undefined): DeliveryError {
  return new DeliveryError('CHANNEL_MOVED', {
    message: `The channel ${channel} of ${model} names ${current === undefined ? 'nothing yet' : `the version ${current.version}`}, not ${expected ?? ''} as expected.`,
    remedy: 'Somebody moved it; look at what it names now, then run again with that as expectedVersion, or without it.',
  });
}
