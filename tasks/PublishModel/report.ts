import type { Facts } from '../../lib/agent/agent.ts';
import type { ChannelMove } from '../../lib/model/channel.ts';
import type { Manifest } from '../../lib/model/manifest.ts';
import { totalSize } from '../../lib/model/model-digest.ts';

/** Output variables of an action on one version. */
export type VersionOutputs = Readonly<{
  modelName: string;
  modelVersion: string;
  modelDigest: string;
  modelUri: string;
  modelSize: number;
  fileCount: number;
  /** The version that the channel named before; empty where it named none or was not moved. */
  previousVersion: string;
  result: string;
}>;

/** Output variables of a prune. */
export type PruneOutputs = Readonly<{
  modelName: string;
  prunedVersions: string;
  prunedBytes: number;
  result: string;
}>;

/** What an action leaves for later steps and for readers. */
export interface Report {
  readonly outputs: VersionOutputs | PruneOutputs;
  /** Markdown. */
  readonly summary: string;
  readonly facts: Facts;
}

export function versionOutputs(
  result: string,
  manifest: Manifest,
  uri: string,
  previousVersion: string | undefined,
): VersionOutputs {
  const { name, version, digest, files } = manifest;
  return {
    modelName: name,
    modelVersion: version,
    modelDigest: digest,
    modelUri: uri,
    modelSize: totalSize(files),
    fileCount: files.length,
    previousVersion: previousVersion ?? '',
    result,
  };
}

/** What a channel names after a call that wanted it to name a version, as a sentence for the log. */
export function channelLine(
  channel: string,
  { name, version }: Manifest,
  { moved, previous, newer }: ChannelMove,
): string {
  const before = previous === undefined ? '' : `, before it was ${previous}`;
  return `${channel} of ${name} names ${newer ?? version}${moved ? before : ', as before'}.`;
}
