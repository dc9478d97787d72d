import type { BlobSource } from './blob-source.ts';
import { registryBlob } from './blob-download.ts';
import { formatImage, type ImageName, referenceOf, type RepositoryName } from './image-name.ts';
import type { LayerIdentity } from '../packing/layer-digest.ts';
import type { RegistryClient } from './registry-client.ts';
import { Repository, type StoredManifest } from './repository.ts';

/** Where a base image is kept: in a registry, or in files on this machine. */
export interface BaseSource {
  /** As people write it. */
  readonly name: string;
  /** As others can find it, for the image's label; undefined where it has no such name. */
  readonly publicName: string | undefined;
  /** The digest that goes with that name; left out: that of its index or manifest. */
  readonly publicDigest?: string | undefined;
  /** The repository from which its registry can take layers over; undefined where it is in none. */
  readonly repository: RepositoryName | undefined;
  /** Its index may name images that are not there, as archives of one platform do. */
  readonly partial: boolean;
  /** Its index or only manifest; undefined where there is no such image. */
  top(signal: AbortSignal): Promise<StoredManifest | undefined>;
  /** A manifest by its digest, which was checked; undefined where there is none. */
  manifest(digest: string, signal: AbortSignal): Promise<StoredManifest | undefined>;
  /** A configuration by its digest, which was checked. */
  document(digest: string, signal: AbortSignal): Promise<Buffer>;
  /** The bytes of a layer; whoever reads them checks their digest. */
  layer(layer: LayerIdentity): BlobSource;
}

/** A base image in a registry. */
export function registryBase(client: RegistryClient, image: ImageName): BaseSource {
  const repository = new Repository(client, image, 'pull');
  return {
    name: formatImage(image),
    // A tag says more than a digest, which has a label of its own; but where only a digest was given, it had no tag.
    publicName: formatImage(image.tag === undefined ? image : { ...image, digest: undefined }),
    repository: image,
    partial: false,
    top: (signal) => repository.manifest(referenceOf(image), signal),
    manifest: (digest, signal) => repository.manifest(digest, signal),
    document: (digest, signal) => repository.document(digest, signal),
    layer: ({ digest, size }) => registryBlob(client, image.repository, digest, size),
  };
}
