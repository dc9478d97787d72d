import { createHash, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';
import { DeliveryError } from '../errors/delivery-error.ts';
import { LockedKeyError, openCosignKey } from './cosign-key.ts';

/** Signs as `cosign verify --key` verifies: always with SHA-256, ECDSA in DER, RSA in PKCS #1 v1.5, Ed25519 pure. */
export interface SigningKey {
  readonly sign: (bytes: Buffer) => Buffer;
  readonly verify: (bytes: Buffer, signature: Buffer) => boolean;
  /** SHA-256 of the public key in DER, by which people tell keys apart: `sha256:` and 64 hexadecimal digits. */
  readonly fingerprint: string;
}

const PEM = /-----BEGIN ([A-Z0-9 ]+)-----([^-]+)-----END \1-----/;
const CURVES = ['prime256v1', 'secp384r1', 'secp521r1'];
const SHORTEST_RSA = 2048;

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
  const publicKey = createPublicKey(key);
  const algorithm = key.asymmetricKeyType === 'ed25519' ? null : 'sha256';
  const der = publicKey.export({ type: 'spki', format: 'der' });
  return {
    sign: (bytes) => sign(algorithm, bytes, key),
    verify: (bytes, signature) => verify(algorithm, bytes, publicKey, signature),
    fingerprint: `sha256:${createHash('sha256').update(der).digest('hex')}`,
  };
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

function checkKind({ asymmetricKeyType: type, asymmetricKeyDetails: details }: KeyObject): void {
  const good =
    type === 'ed25519' ||
    (type === 'ec' && CURVES.includes(details?.namedCurve ?? '')) ||
    (type === 'rsa' && (details?.modulusLength ?? 0) >= SHORTEST_RSA);
  if (!good)
    throw invalid(`it is of the kind ${type ?? 'unknown'}, or too short, and cosign does not take such signatures`);
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
