// Certificates made at start: nothing that somebody could trust by mistake later lies around.
import { generate } from 'selfsigned';

/** A certificate with its private key, both as PEM. */
export interface CertifiedKey {
  readonly certificate: string;
  readonly key: string;
}

/** An authority of certificates that nobody trusts unless told to. */
export async function makeAuthority(name: string): Promise<CertifiedKey> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], {
    algorithm: 'sha256',
    keyType: 'ec',
    extensions: [
      { name: 'basicConstraints', cA: true, critical: true },
      { name: 'keyUsage', keyCertSign: true, cRLSign: true, critical: true },
    ],
  });
  return { certificate: cert, key };
}

/** Names that a proxy may lead to loopback: whoever resolves them finds nothing. */
export const PROXIED_DOMAIN = 'stand-in.test';

/** A certificate for servers on loopback, also by names below {@link PROXIED_DOMAIN}. */
export async function certifyLoopback(authority: CertifiedKey): Promise<CertifiedKey> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: 'localhost' }], {
    algorithm: 'sha256',
    keyType: 'ec',
    ca: { key: authority.key, cert: authority.certificate },
    extensions: [
      { name: 'extKeyUsage', serverAuth: true },
      {
        name: 'subjectAltName',
        altNames: [
          { type: 2, value: 'localhost' },
          { type: 2, value: `*.${PROXIED_DOMAIN}` },
          { type: 7, ip: '127.0.0.1' },
        ],
      },
    ],
  });
  return { certificate: cert, key };
}

/** A certificate by which a cluster knows a user. */
export async function certifyClient(
  authority: CertifiedKey,
  { name, group }: { readonly name: string; readonly group: string },
): Promise<CertifiedKey> {
  const subject = [
    { name: 'organizationName', value: group },
    { name: 'commonName', value: name },
  ];
  const { cert, private: key } = await generate(subject, {
    algorithm: 'sha256',
    keyType: 'ec',
    ca: { key: authority.key, cert: authority.certificate },
    extensions: [{ name: 'extKeyUsage', clientAuth: true }],
  });
  return { certificate: cert, key };
}

/** A certificate that signs for itself, as applications in Entra have them. */
export async function makeApplicationCertificate(name: string): Promise<CertifiedKey> {
  const { cert, private: key } = await generate([{ name: 'commonName', value: name }], { algorithm: 'sha256' });
  return { certificate: cert, key };
}
