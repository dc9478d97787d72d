import { digestOf } from './digest.ts';
import type { Descriptor, Manifest } from './image.ts';
import { OCI } from './media-types.ts';
import type { StoredManifest } from './repository.ts';

/** Bytes that an artifact carries. */
export interface ArtifactBlob {
  readonly mediaType: string;
  readonly bytes: Buffer;
  readonly annotations: Readonly<Record<string, string>>;
}

/** Something that is attached to an image: a manifest of its own, which names the image as its subject. */
export interface Artifact {
  /** What it is, such as `application/vnd.cyclonedx+json`. */
  readonly artifactType: string;
  readonly blobs: readonly ArtifactBlob[];
  readonly annotations: Readonly<Record<string, string>>;
}

/** What artifacts have where images have a configuration (OCI image specification 1.1, "Guidance for an Empty Descriptor"). */
export const EMPTY_CONFIG = Buffer.from('{}');
const EMPTY_CONFIG_TYPE = 'application/vnd.oci.empty.v1+json';

/** The manifest of an artifact (OCI image specification 1.1, "Guidelines for Artifact Usage"). */
export function artifactManifest({ artifactType, blobs, annotations }: Artifact, subject: Descriptor): Manifest {
  return {
    schemaVersion: 2,
    mediaType: OCI.manifest,
    artifactType,
    config: descriptorOf({ mediaType: EMPTY_CONFIG_TYPE, bytes: EMPTY_CONFIG, annotations: {} }),
    layers: blobs.map(descriptorOf),
    subject: subjectOf(subject),
    annotations,
  };
}

export function descriptorOf({ mediaType, bytes, annotations }: ArtifactBlob): Descriptor {
  const known = Object.keys(annotations).length === 0 ? {} : { annotations };
  return { mediaType, digest: digestOf(bytes), size: bytes.length, ...known };
}

/** A subject is named by what identifies it, and nothing else of its descriptor. */
export function subjectOf({ mediaType, digest, size }: Descriptor): Descriptor {
  return { mediaType, digest, size };
}

/** How lists of referrers show an artifact (OCI distribution specification 1.1, "Listing Referrers"). */
export function listed({ mediaType, digest, bytes }: StoredManifest, manifest: Manifest): Descriptor {
  const { artifactType = manifest.config.mediaType, annotations } = manifest;
  return { mediaType, digest, size: bytes.length, artifactType, ...(annotations === undefined ? {} : { annotations }) };
}
