import assert from 'node:assert/strict';
import { readyCertificate } from '../../../lib/azure/certificate.ts';
import { type CertifiedKey, makeApplicationCertificate } from '../../../tools/services/azure/certificates.ts';

describe('the certificate of a service connection', () => {
  let pair: CertifiedKey;
  before(async () => {
    pair = await makeApplicationCertificate('models');
  });

  it('has its key first, whatever the order in which it was pasted', () => {
    const { certificate, key } = pair;
    const ready = readyCertificate(`${key}${certificate}`, 'shop');
    assert.match(ready, /^-----BEGIN PRIVATE KEY-----[^]+-----BEGIN CERTIFICATE-----[^]+-----END CERTIFICATE-----\n$/);
    assert.equal(readyCertificate(`Bag Attributes\n${certificate}\nmore\n${key}`, 'shop'), ready);
  });

  it('is refused without one of its halves, or with one that cannot be read', () => {
    const { certificate, key } = pair;
    const broken = key.replace(/\n.{20}/, '\n');
    for (const [pem, problem] of [
      [certificate, /no private key/],
      [key, /no certificate/],
      [certificate + broken, /cannot be used/],
      ['', /no private key/],
    ] as const) {
      assert.throws(() => readyCertificate(pem, 'shop'), { code: 'CONNECTION_INVALID', message: problem });
    }
  });

  it('is refused once it has expired', () => {
    const later = new Date(Date.now() + 400 * 86_400_000);
    assert.throws(() => readyCertificate(pair.certificate + pair.key, 'shop', later), {
      code: 'AZURE_CERTIFICATE_REFUSED',
      message: /expired on 20/,
    });
  });
});
