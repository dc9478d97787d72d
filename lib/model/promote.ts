import { type ChannelMove, moveChannel } from './channel.ts';
import { ManagedLayout } from './layout.ts';
import type { Manifest } from './manifest.ts';
import { checkName } from './names.ts';
import type { WantedBy } from './selection.ts';
import type { ObjectStore } from './stores/object-store.ts';
import { wantedVersion } from './wanted-version.ts';

/** A channel to point at a version that is there. */
export interface Promotion {
  readonly prefix: string;
  readonly model: string;
  readonly channel: string;
  /** The version, by its name or as another channel names it. */
  readonly to: WantedBy;
  /** The version that the channel must name now; undefined: whatever it names. */
  readonly expected: string | undefined;
}

/** What has become of it. */
export interface Promoted {
  /** `unchanged`: the channel named that version already. */
  readonly result: 'promoted' | 'unchanged';
  readonly manifest: Manifest;
  readonly uri: string;
  readonly channel: ChannelMove;
}

/**
 * Points a channel at a version. Nothing is copied: what follows the channel gets that version from now on.
 *
 * @throws DeliveryError those of {@link wantedVersion} and {@link moveChannel}
 */
export async function promoteModel(store: ObjectStore, promotion: Promotion, signal: AbortSignal): Promise<Promoted> {
  const { prefix, model, channel, to, expected } = promotion;
  const managed = { store, layout: new ManagedLayout(prefix) };
  checkName('channel', channel);
  const { manifest } = await wantedVersion(managed, model, to, signal);
  const { version, digest } = manifest;
  const move = await moveChannel(managed, { model, channel, version, digest, expected }, signal);
  return {
    result: move.moved ? 'promoted' : 'unchanged',
    manifest,
    channel: move,
    uri: store.uriOf(managed.layout.version(model, version)),
  };
}
