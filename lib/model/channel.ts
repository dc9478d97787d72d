import { DeliveryError } from '../errors/delivery-error.ts';
import { DocumentReader } from './document.ts';
import type { ManagedLayout } from './layout.ts';
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

/** Whom a channel named before and whether this call changed that. */
export interface ChannelMove {
  readonly moved: boolean;
  readonly previous: string | undefined;
}

/** Racing publishers wait for each other at most this often; each round, one of them gets through. */
const ROUNDS = 50;

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

/**
 * Points a channel at a version, by compare-and-swap: whoever is between two publishers sees one or the other, and
 * none overwrites what it has not seen.
 *
 * @throws DeliveryError `CHANNEL_BUSY` where others keep moving it
 */
export async function moveChannel(
  { store, layout }: { readonly store: ObjectStore; readonly layout: ManagedLayout },
  target: { readonly model: string; readonly channel: string; readonly version: string; readonly digest: string },
  signal: AbortSignal,
): Promise<ChannelMove> {
  const name = layout.channel(target.model, target.channel);
  for (let round = 0; round < ROUNDS; round++) {
    const current = await readChannel(store, name, signal);
    if (current?.version === target.version && current.digest === target.digest) {
      return { moved: false, previous: current.previous };
    }
    const bytes = Buffer.from(writeChannel(target, current?.version));
    const condition = current === undefined ? 'absent' : { etag: current.etag };
    if (await store.write(name, bytes, condition, signal)) return { moved: true, previous: current?.version };
  }
  throw new DeliveryError('CHANNEL_BUSY', {
    message: `The channel ${target.channel} of ${target.model} was moved by others each time this task tried to.`,
    remedy: `Run again; the version ${target.version} itself is published.`,
  });
}

function writeChannel({ version, digest }: { version: string; digest: string }, previous: string | undefined): string {
  const document = { schemaVersion: 1, version, digest, moved: new Date().toISOString(), previous };
  return `${JSON.stringify(document, null, 2)}\n`;
}
