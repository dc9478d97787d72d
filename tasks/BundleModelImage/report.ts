import type { Facts } from '../../lib/agent/agent.ts';
import type { Attached } from './attachments.ts';
import type { BundleFacts } from './summary.ts';

/** Output variables of a bundle. */
export type BundleOutputs = Readonly<{
  image: string;
  imageDigest: string;
  imageTags: string;
  imageChanged: boolean;
  modelLayers: string;
  bytesSent: number;
  bytesReused: number;
  modelName: string;
  modelVersion: string;
  modelDigest: string;
  modelUri: string;
  baseDigest: string;
  sbomDigest: string;
  provenanceDigest: string;
  signatureDigest: string;
}>;

/** Output variables of tagging. */
export type TagOutputs = Pick<BundleOutputs, 'image' | 'imageDigest' | 'imageTags' | 'imageChanged'>;

/** What an action leaves for later steps and for readers. */
export interface Report {
  readonly outputs: BundleOutputs | TagOutputs;
  /** Markdown. */
  readonly summary: string;
  readonly facts: Facts;
}

export function bundleOutputs(facts: BundleFacts, { sbom, provenance, signature }: Attached): BundleOutputs {
  const { image, imageDigest, imageTags, imageChanged, modelLayers, bytesSent, bytesReused, model, base } = facts;
  return {
    image,
    imageDigest,
    imageTags: imageTags.join(','),
    imageChanged,
    modelLayers: modelLayers.join(','),
    bytesSent,
    bytesReused,
    modelName: model?.name ?? '',
    modelVersion: model?.version ?? '',
    modelDigest: model?.digest ?? '',
    modelUri: model?.uri ?? '',
    baseDigest: base.digest,
    sbomDigest: sbom ?? '',
    provenanceDigest: provenance ?? '',
    signatureDigest: signature ?? '',
  };
}
