import { hexadecimal, type ImageSubject } from './subject.ts';

/** A claim about an image (in-toto attestation framework, "Statement v1"). */
export interface Statement {
  readonly _type: 'https://in-toto.io/Statement/v1';
  readonly subject: readonly { readonly name: string; readonly digest: { readonly sha256: string } }[];
  readonly predicateType: string;
  readonly predicate: object;
}

/** The media type of a {@link Statement}, and the payload type of envelopes around it. */
export const IN_TOTO_MEDIA_TYPE = 'application/vnd.in-toto+json';

/** What kind of claim a predicate makes. */
export const PREDICATE_TYPES = {
  provenance: 'https://slsa.dev/provenance/v1',
  sbom: 'https://cyclonedx.org/bom',
} as const;

export function statementAbout({ name, digest }: ImageSubject, predicateType: string, predicate: object): Statement {
  return {
    _type: 'https://in-toto.io/Statement/v1',
    subject: [{ name, digest: { sha256: hexadecimal(digest) } }],
    predicateType,
    predicate,
  };
}

/** The bytes of a document that is to be stored or signed. */
export function encodeJson(document: object): Buffer {
  return Buffer.from(JSON.stringify(document));
}
