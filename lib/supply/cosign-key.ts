import { scrypt } from 'node:crypto';
import { promisify } from 'node:util';
import { xsalsa20poly1305 } from '@noble/ciphers/salsa.js';

/** Thrown where an encrypted key cannot be opened; says why, and nothing of the key. */
export class LockedKeyError extends Error {
  override readonly name = 'LockedKeyError';
}

/** What `cosign generate-key-pair` encrypts with, now and before; others would let a key's author choose how long this takes. */
const COSTS = [2 ** 15, 2 ** 16, 2 ** 17];
const BLOCK_SIZE = 8;
/** scrypt needs 128 · N · r bytes. */
const MOST_MEMORY = 2 * 128 * BLOCK_SIZE * 2 ** 17;

const derive = promisify<string, Buffer, number, { N: number; r: number; p: number; maxmem: number }, Buffer>(scrypt);

/**
 * Opens the private key of `cosign generate-key-pair`: JSON that names scrypt and NaCl's secret box.
 *
 * @param body what stands between the lines of the PEM, decoded
 * @returns the key in PKCS #8, DER
 * @throws LockedKeyError
 */
export async function openCosignKey(body: Buffer, password: string): Promise<Buffer> {
  const { salt, cost, nonce, ciphertext } = readBox(body);
  const key = await derive(password, salt, 32, { N: cost, r: BLOCK_SIZE, p: 1, maxmem: MOST_MEMORY });
  try {
    return Buffer.from(xsalsa20poly1305(key, nonce).decrypt(ciphertext));
  } catch {
    throw new LockedKeyError(
      password === '' ? 'it is encrypted and no password is given' : 'the password is not its own',
    );
  }
}

interface Box {
  readonly salt: Buffer;
  readonly cost: number;
  readonly nonce: Buffer;
  readonly ciphertext: Buffer;
}

function readBox(body: Buffer): Box {
  try {
    const { kdf, cipher, ciphertext } = JSON.parse(body.toString()) as {
      kdf: { name: string; params: { N: number; r: number; p: number }; salt: string };
      cipher: { name: string; nonce: string };
      ciphertext: string;
    };
    const { N: cost, r, p } = kdf.params;
    const known = kdf.name === 'scrypt' && cipher.name === 'nacl/secretbox';
    if (known && COSTS.includes(cost) && r === BLOCK_SIZE && p === 1) {
      const [salt, nonce, sealed] = [kdf.salt, cipher.nonce, ciphertext].map((text) => Buffer.from(text, 'base64'));
      if (salt !== undefined && nonce?.length === 24 && sealed !== undefined) {
        return { salt, cost, nonce, ciphertext: sealed };
      }
    }
  } catch {
    // Said below.
  }
  throw new LockedKeyError('it is not encrypted as cosign does it');
}
