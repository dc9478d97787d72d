import { createHash, createPublicKey, type KeyObject, verify } from 'node:crypto';
import { DeliveryError } from '../errors/delivery-error.ts';

/** Tells whether a signature is of the owner of a key. */
export interface VerificationKey {
  readonly verify: (bytes: Buffer, signature: Buffer) => boolean;
  /** SHA-256 of the public key in DER, by which people tell keys apart: `sha256:` and 64 hexadecimal digits. */
  readonly fingerprint: string;
}

const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
const SHORTEST_RSA = 2048;
const PEM = /-----BEGIN PUBLIC KEY-----([^-]+)-----END PUBLIC KEY-----/;

/**
 * Reads a public key in PEM, such as the `cosign.pub` of `cosign generate-key-pair`. Line ends that became spaces or `\\n` on the way
 * through a variable are mended.
 *
 * @throws DeliveryError `VERIFICATION_KEY_INVALID`
 */
export function readVerificationKey(text: string): VerificationKey {
  const [, base64] = PEM.exec(text.replaceAll('\\n', '\n')) ?? [];
  if (base64 === undefined) {
    throw invalid(text.includes('PRIVATE KEY') ? 'it is a private key' : 'it is no public key in PEM');
  }
  const lines = base64.trim().split(/\s+/).join('\n');
  const key = publicKey(`-----BEGIN PUBLIC KEY-----\n${lines}\n-----END PUBLIC KEY-----\n`);
  if (!isUsable(key)) throw invalid(`it is of the kind ${key.asymmetricKeyType ?? 'unknown'}, or too short`);
  return verificationKey(key);
}

export function verificationKey(key: KeyObject): VerificationKey {
  const der = key.export({ type: 'spki', format: 'der' });
  return {
    verify: (bytes, signature) => verify(algorithmOf(key), bytes, key, signature),
    fingerprint: `sha256:${createHash('sha256').update(der).digest('hex')}`,
  };
}

/** Whether cosign takes signatures of such keys. */
export function isUsable({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): boolean {
  return (
    type === 'ed25519' ||
    (type === 'ec' && CURVES.includes(details?.namedCurve ?? '')) ||
    (type === 'rsa' && (details?.modulusLength ?? 0) >= SHORTEST_RSA)
  );
}

/** What is hashed before it is signed. */
export function algorithmOf({ asymmetricKeyType: type }: KeyObject): 'sha256' | null {
  return type === 'ed25519' ? null : 'sha256';
}

function publicKey(pem: string): KeyObject {
  try {
    return createPublicKey(pem);
  } catch {
    throw invalid('it is damaged');
  }
}

function invalid(problem: string): DeliveryError {
  return new DeliveryError('VERIFICATION_KEY_INVALID', {
    message: `The input verificationKey cannot verify: ${problem}.`,
    remedy:
      'Give the public key in PEM (EC P-256, RSA or Ed25519), as cosign generate-key-pair writes it into cosign.pub.',
  });
}
