import { DeliveryError } from '../../lib/errors/delivery-error.ts';
import type { Descriptor } from '../../lib/oci/image.ts';
import { formatImage } from '../../lib/oci/image-name.ts';
import type { FoundImage } from '../../lib/oci/newest/found-image.ts';
import { DocumentError, parseManifest } from '../../lib/oci/parse-documents.ts';
import { listReferrers, referrersTag } from '../../lib/oci/referrers.ts';
import type { Repository } from '../../lib/oci/repository.ts';
import {
  COSIGN_ARTIFACT_TYPES,
  COSIGN_SUFFIXES,
  isSignedBy,
  SIGNATURE_ANNOTATION,
  SIMPLE_SIGNING_MEDIA_TYPE,
} from '../../lib/supply/cosign.ts';
import { DSSE_MEDIA_TYPE, signedStatement } from '../../lib/supply/dsse.ts';
import { isProvenanceOf } from '../../lib/supply/provenance-statement.ts';
import { IN_TOTO_MEDIA_TYPE } from '../../lib/supply/statement.ts';
import type { VerificationKey } from '../../lib/supply/verification-key.ts';

/** In bytes; what is larger is not read to see what it says. */
const LARGEST_READ = 6 * 1024 * 1024;

/** What must vouch for an image. */
export interface WantedTrust {
  readonly provenance: boolean;
  /** The owner of this key; with it, provenance counts only if it is signed by it. */
  readonly key: VerificationKey | undefined;
}

/**
 * Checks that an image is vouched for.
 *
 * @throws DeliveryError `SIGNATURE_MISSING`, `PROVENANCE_MISSING`
 */
export async function checkTrust(
  repository: Repository,
  image: FoundImage,
  { provenance, key }: WantedTrust,
  signal: AbortSignal,
): Promise<void> {
  const attached = new Attached(repository, image, signal);
  if (key !== undefined && !(await attached.isSigned(key))) throw unsigned(repository, image, key);
  if (provenance && !(await attached.hasProvenance(key))) throw unproven(repository, image, key);
}

/** What is attached to an image: listed as its referrers, or where cosign puts it, under tags made of its digest. */
class Attached {
  readonly #repository: Repository;
  readonly #image: FoundImage;
  readonly #signal: AbortSignal;
  #referrers: Promise<readonly Descriptor[]> | undefined;

  constructor(repository: Repository, image: FoundImage, signal: AbortSignal) {
    this.#repository = repository;
    this.#image = image;
    this.#signal = signal;
  }

  async isSigned(key: VerificationKey): Promise<boolean> {
    for await (const layer of this.#layers('signature', COSIGN_ARTIFACT_TYPES.signature)) {
      if (layer.mediaType !== SIMPLE_SIGNING_MEDIA_TYPE) continue;
      const signature = Buffer.from(layer.annotations?.[SIGNATURE_ANNOTATION] ?? '', 'base64');
      if (isSignedBy(key, await this.#read(layer), signature, this.#image.digest)) return true;
    }
    return false;
  }

  async hasProvenance(key: VerificationKey | undefined): Promise<boolean> {
    const { digest, platformDigests } = this.#image;
    // BuildKit speaks of the images for single platforms.
    const digests = [digest, ...platformDigests];
    for await (const layer of this.#attestations()) {
      const bytes = await this.#read(layer);
      if (isProvenanceOf(statementIn(layer, bytes, key), digests)) return true;
    }
    return false;
  }

  async *#attestations(): AsyncGenerator<Descriptor> {
    for (const digest of this.#image.attestations) yield* this.#layersOf(digest, new Set());
    yield* this.#layers('attestation', COSIGN_ARTIFACT_TYPES.attestation, IN_TOTO_MEDIA_TYPE);
  }

  /** Layers of what is attached of some kinds, each once: cosign's tag first, for its content may not be listed. */
  async *#layers(kind: keyof typeof COSIGN_SUFFIXES, ...types: readonly string[]): AsyncGenerator<Descriptor> {
    const seen = new Set<string>();
    yield* this.#layersOf(`${referrersTag(this.#image.digest)}.${COSIGN_SUFFIXES[kind]}`, seen);
    this.#referrers ??= listReferrers(this.#repository, this.#image.digest, this.#signal);
    for (const { artifactType, digest } of await this.#referrers) {
      if (typeof artifactType === 'string' && types.includes(artifactType)) yield* this.#layersOf(digest, seen);
    }
  }

  async *#layersOf(reference: string, seen: Set<string>): AsyncGenerator<Descriptor> {
    const stored = await this.#repository.manifest(reference, this.#signal);
    if (stored === undefined || seen.has(stored.digest)) return;
    seen.add(stored.digest);
    try {
      yield* parseManifest(stored.bytes).layers.filter(({ size }) => size <= LARGEST_READ);
    } catch (error) {
      // Whatever stands there does not vouch for anything.
      if (!(error instanceof DocumentError)) throw error;
    }
  }

  #read({ digest }: Descriptor): Promise<Buffer> {
    return this.#repository.document(digest, this.#signal);
  }
}

/** What a layer says: signed by the key, or where there is none, by anybody. */
function statementIn({ mediaType }: Descriptor, bytes: Buffer, key: VerificationKey | undefined): unknown {
  if (key !== undefined) return mediaType === DSSE_MEDIA_TYPE ? signedStatement(bytes, key) : undefined;
  try {
    const document = JSON.parse(bytes.toString()) as { readonly payload?: unknown };
    if (mediaType === DSSE_MEDIA_TYPE && typeof document.payload === 'string') {
      return JSON.parse(Buffer.from(document.payload, 'base64').toString());
    }
    return document;
  } catch {
    return undefined;
  }
}

function unsigned({ name }: Repository, { digest }: FoundImage, { fingerprint }: VerificationKey): DeliveryError {
  return new DeliveryError('SIGNATURE_MISSING', {
    message: `${formatImage({ ...name, tag: undefined, digest })} has no signature of the key ${fingerprint}.`,
    remedy:
      'Sign it (signingKey of BundleModelImage, or cosign sign --key), or correct verificationKey; an image of unknown origin should not be rolled out.',
  });
}

function unproven({ name }: Repository, { digest }: FoundImage, key: VerificationKey | undefined): DeliveryError {
  return new DeliveryError('PROVENANCE_MISSING', {
    message: `${formatImage({ ...name, tag: undefined, digest })} has no provenance${key === undefined ? '' : ` that the key ${key.fingerprint} has signed`}.`,
    remedy:
      'Build it with provenance (an input of BundleModelImage, there by default), together with signingKey where a key is asked for; or resolve an image that has it.',
  });
}
