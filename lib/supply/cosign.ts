import { encodeJson } from './statement.ts';
import type { ImageSubject } from './subject.ts';
import type { VerificationKey } from './verification-key.ts';

// cosign's specifications "Cosign Signature Specifications" and "Cosign Attestation Specifications". Kept to their first
// form, under tags, because every release verifies it: 3.x looks for bundles first and for these where there are none, and so do skopeo,
// podman and the admission controllers.

/** Where cosign looks for signatures and attestations: the image's digest as a tag, with one of these endings. */
export const COSIGN_SUFFIXES = { signature: 'sig', attestation: 'att' } as const;

/** What cosign calls them where it lists them as referrers. */
export const COSIGN_ARTIFACT_TYPES = {
  signature: 'application/vnd.dev.cosign.artifact.sig.v1+json',
  attestation: 'application/vnd.dev.cosign.artifact.att.v1+json',
} as const;

/** The media type of {@link signedPayload}. */
export const SIMPLE_SIGNING_MEDIA_TYPE = 'application/vnd.dev.cosign.simplesigning.v1+json';
/** The annotation of a layer that holds its signature; attestations have theirs inside and leave it empty. */
export const SIGNATURE_ANNOTATION = 'dev.cosignproject.cosign/signature';
/** The annotation of an attestation's layer that names what kind of claim it is. */
export const PREDICATE_ANNOTATION = 'predicateType';

const SIGNATURE_TYPE = 'cosign container image signature';

/** What a signature signs: that this digest is an image of this repository ("simple signing"). */
export function signedPayload({ name, digest }: ImageSubject): Buffer {
  return encodeJson({
    critical: {
      identity: { 'docker-reference': name },
      image: { 'docker-manifest-digest': digest },
      type: SIGNATURE_TYPE,
    },
    optional: null,
  });
}

/**
 * Whether a signature is the key's, and signs this very image. Whose repository it names is not asked: an image that was copied keeps its
 * signature, as with `cosign verify`.
 */
export function isSignedBy(key: VerificationKey, payload: Buffer, signature: Buffer, digest: string): boolean {
  try {
    if (!key.verify(payload, signature)) return false;
    const { critical } = JSON.parse(payload.toString()) as {
      readonly critical: { readonly type: string; readonly image: Readonly<Record<string, string>> };
    };
    return critical.type === SIGNATURE_TYPE && critical.image['docker-manifest-digest'] === digest;
  } catch {
    return false;
  }
}
