import { createPrivateKey, createPublicKey, type KeyObject, sign } from 'node:crypto';
import { DeliveryError } from '../errors/delivery-error.ts';
import { LockedKeyError, openCosignKey } from './cosign-key.ts';
import { algorithmOf, isUsable, type VerificationKey, verificationKey } from './verification-key.ts';

/** Signs as `cosign verify --key` verifies: always with SHA-256, ECDSA in DER, RSA in PKCS #1 v1.5, Ed25519 pure. */
export interface SigningKey extends VerificationKey {
  readonly sign: (bytes: Buffer) => Buffer;
}

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----([^-]+)-----END \1-----/;

/**
 * Reads a private key: PEM (EC on P-256, P-384 or P-521, RSA of at least 2,048 bits, Ed25519), encrypted or not, or the encrypted key of
 * `cosign generate-key-pair`. Line ends that became spaces or `\n` on the way through a variable are mended.
 *
 * @throws DeliveryError `SIGNING_KEY_INVALID`, `SIGNING_KEY_LOCKED`
 */
export async function readSigningKey(text: string, password = ''): Promise<SigningKey> {
  const [, type, base64] = PEM.exec(text.replaceAll('\\n', '\n')) ?? [];
  if (type === undefined || base64 === undefined) throw invalid('it is not PEM text');
  const key = await privateKey(type, base64, password);
  checkKind(key);
  return { ...verificationKey(createPublicKey(key)), sign: (bytes) => sign(algorithmOf(key), bytes, key) };
}

async function privateKey(type: string, base64: string, password: string): Promise<KeyObject> {
  try {
    if (/^ENCRYPTED (?:COSIGN|SIGSTORE) PRIVATE KEY$/.test(type)) {
      const der = await openCosignKey(Buffer.from(base64, 'base64'), password);
      return createPrivateKey({ key: der, format: 'der', type: 'pkcs8' });
    }
    const lines = base64.trim().split(/\s+/).join('\n');
    const pem = `-----BEGIN ${type}-----\n${lines}\n-----END ${type}-----\n`;
    return createPrivateKey({ key: pem, format: 'pem', ...(password === '' ? {} : { passphrase: password }) });
  } catch (error) {
    if (error instanceof LockedKeyError) throw locked(error.message);
    if (type.includes('ENCRYPTED')) {
      throw locked(password === '' ? 'it is encrypted and no password is given' : 'the password is not its own');
    }
    // What OpenSSL says of a key that it cannot read may quote from it.
    throw invalid(type.endsWith('PRIVATE KEY') ? 'it is damaged' : `it is a ${type.toLowerCase()}, not a private key`);
  }
}

function checkKind(key: KeyObject): void {
  if (isUsable(key)) return;
  throw invalid(
    `it is of the kind ${key.asymmetricKeyType ?? 'unknown'}, or too short, and cosign does not take such signatures`,
  );
}

function invalid(problem: string): DeliveryError {
  return new DeliveryError('SIGNING_KEY_INVALID', {
    message: `The input signingKey cannot sign: ${problem}.`,
    remedy:
      'Put a private key in PEM (EC P-256, RSA or Ed25519), or what cosign generate-key-pair writes into cosign.key, whole into the secret variable.',
  });
}

function locked(problem: string): DeliveryError {
  return new DeliveryError('SIGNING_KEY_LOCKED', {
    message: `The private key of the input signingKey cannot be opened: ${problem}.`,
    remedy: 'Give its password in signingKeyPassword, from a secret variable.',
  });
}
