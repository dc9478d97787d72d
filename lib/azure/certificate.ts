import { createPrivateKey, X509Certificate } from 'node:crypto';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';

const BLOCK = /-----BEGIN ([A-Z0-9 ]+)-----[^-]+-----END \1-----/g;

/**
 * A service connection's certificate as the identity library takes it: the private key first, then the certificates, whatever
 * the order in which they were pasted. It stays in memory.
 *
 * @throws DeliveryError `CONNECTION_INVALID`, `AZURE_CERTIFICATE_REFUSED` where it has expired
 */
export function readyCertificate(pem: string, connectionId: string, now: Date = new Date()): string {
  const blocks = [...pem.matchAll(BLOCK)].map(([text, kind = '']) => ({ kind, text }));
  const keys = blocks.filter(({ kind }) => kind.endsWith('PRIVATE KEY'));
  const certificates = blocks.filter(({ kind }) => kind === 'CERTIFICATE');
  const [key, certificate] = [keys[0], certificates[0]];
  if (key === undefined) throw unusable(connectionId, 'it holds no private key');
  if (certificate === undefined) throw unusable(connectionId, 'it holds no certificate');
  const expiry = new Date(read(connectionId, () => new X509Certificate(certificate.text).validTo));
  read(connectionId, () => createPrivateKey(key.text));
  if (expiry < now) {
    throw new DeliveryError('AZURE_CERTIFICATE_REFUSED', {
      message: `The certificate of the service connection "${connectionId}" expired on ${expiry.toISOString()}.`,
      remedy:
        'Upload a new one to the application and to the connection, or convert it to workload identity federation.',
    });
  }
  return [key, ...certificates].map(({ text }) => `${text}\n`).join('');
}

function read<T>(connectionId: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw unusable(connectionId, messageOf(cause), cause);
  }
}

function unusable(connectionId: string, problem: string, cause?: unknown): DeliveryError {
  return new DeliveryError('CONNECTION_INVALID', {
    message: `The certificate of the service connection "${connectionId}" cannot be used: ${problem}.`,
    remedy: 'Paste a PEM text that holds both the certificate and its private key, without a password.',
    cause,
  });
}
