import { DeliveryError } from '../errors/delivery-error.ts';
import type { ManagedLayout } from './layout.ts';
import type { VersionName } from './managed-store.ts';
import { type Manifest, readManifest } from './manifest.ts';
import type { ObjectStore } from './stores/object-store.ts';

/**
 * The manifest of a version, or undefined where there is no such version.
 *
 * @throws DeliveryError `MANIFEST_INVALID`, `NAME_INVALID`, and those of {@link ObjectStore}
 */
export async function findVersion(
  store: ObjectStore,
  layout: ManagedLayout,
  { model, version }: VersionName,
  signal: AbortSignal,
): Promise<Manifest | undefined> {
  const name = layout.manifest(model, version);
  const found = await store.read(name, signal);
  if (found === undefined) return undefined;
  const manifest = readManifest(found.text, store.uriOf(name));
  if (manifest.name === model && manifest.version === version) return manifest;
  throw new DeliveryError('MANIFEST_INVALID', {
    message: `${store.uriOf(name)} describes ${manifest.name} ${manifest.version}.`,
    remedy: 'It was copied here from another version; publish this version again with PublishModel under another name.',
  });
}
