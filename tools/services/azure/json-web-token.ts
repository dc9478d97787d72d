// JSON Web Tokens (RFC 7519), as far as Entra and Azure Pipelines use them: RS256 or PS256, one audience.
import { constants, createPrivateKey, createPublicKey, type KeyObject, sign, verify } from 'node:crypto';

export type Claims = Readonly<Record<string, unknown>>;

/** A token that was read but not yet believed. */
export interface ReadToken {
  readonly header: Claims;
  readonly claims: Claims;
  /** Whether the holder of this public key signed it. */
  readonly signedBy: (publicKey: KeyObject) => boolean;
}

/** Signs claims with RS256, and says in the header which key that was: by an id or otherwise. */
export function issueToken(claims: Claims, privateKey: string, keyId: string | undefined, header: Claims = {}): string {
  const content = [{ typ: 'JWT', alg: 'RS256', kid: keyId, ...header }, claims].map(encode).join('.');
  return `${content}.${sign('sha256', Buffer.from(content), createPrivateKey(privateKey)).toString('base64url')}`;
}

/** Reads a token; undefined where it is none. */
export function readToken(token: string): ReadToken | undefined {
  const [header = '', claims = '', signature = '', ...more] = token.split('.');
  const [readHeader, readClaims] = [decode(header), decode(claims)];
  if (readHeader === undefined || readClaims === undefined || more.length > 0) return undefined;
  const padding = PADDINGS[String(readHeader.alg)];
  return {
    header: readHeader,
    claims: readClaims,
    signedBy: (key) =>
      padding !== undefined &&
      verify('sha256', Buffer.from(`${header}.${claims}`), { key, ...padding }, Buffer.from(signature, 'base64url')),
  };
}

/** The public half of a PEM: of a private key or of a certificate. */
export function publicKeyOf(pem: string): KeyObject {
  return createPublicKey(pem);
}

/** Seconds since 1970, as claims count time. */
export function seconds(date: Date = new Date()): number {
  return Math.floor(date.getTime() / 1000);
}

const PADDINGS: Readonly<Record<string, { readonly padding: number; readonly saltLength?: number }>> = {
  RS256: { padding: constants.RSA_PKCS1_PADDING },
  PS256: { padding: constants.RSA_PKCS1_PSS_PADDING, saltLength: constants.RSA_PSS_SALTLEN_DIGEST },
};

function encode(part: Claims): string {
  return Buffer.from(JSON.stringify(part)).toString('base64url');
}

function decode(part: string): Claims | undefined {
  try {
    return JSON.parse(Buffer.from(part, 'base64url').toString('utf8')) as Claims;
  } catch {
    return undefined;
  }
}
