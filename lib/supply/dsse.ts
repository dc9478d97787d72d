import type { SigningKey } from './signing-key.ts';
import type { VerificationKey } from './verification-key.ts';
import { encodeJson, IN_TOTO_MEDIA_TYPE, type Statement } from './statement.ts';

/** The media type of an envelope, by which cosign finds attestations. */
export const DSSE_MEDIA_TYPE = 'application/vnd.dsse.envelope.v1+json';

/** A signed statement (DSSE 1.0, "Envelope"). */
interface Envelope {
  readonly payloadType: string;
  readonly payload: string;
  readonly signatures: readonly { readonly keyid: string; readonly sig: string }[];
}

/** Puts a statement into an envelope that the key has signed. */
export function envelopeAround(statement: Statement, key: SigningKey): Buffer {
  const payload = encodeJson(statement);
  const signature = key.sign(preAuthenticationEncoding(IN_TOTO_MEDIA_TYPE, payload));
  const envelope: Envelope = {
    payloadType: IN_TOTO_MEDIA_TYPE,
    payload: payload.toString('base64'),
    signatures: [{ keyid: '', sig: signature.toString('base64') }],
  };
  return encodeJson(envelope);
}

/** The statement in an envelope that the key has signed; undefined for anything else. */
export function signedStatement(bytes: Buffer, key: VerificationKey): Statement | undefined {
  try {
    const { payloadType, payload, signatures } = JSON.parse(bytes.toString()) as Envelope;
    const content = Buffer.from(payload, 'base64');
    const signed = preAuthenticationEncoding(payloadType, content);
    const genuine = signatures.some(({ sig }) => key.verify(signed, Buffer.from(sig, 'base64')));
    return genuine ? (JSON.parse(content.toString()) as Statement) : undefined;
  } catch {
    return undefined;
  }
}

/** What is signed: type and payload, each with its length, so that neither can pass for a part of the other. */
function preAuthenticationEncoding(type: string, payload: Buffer): Buffer {
  return Buffer.concat([Buffer.from(`DSSEv1 ${Buffer.byteLength(type)} ${type} ${payload.length} `), payload]);
}
