import assert from 'node:assert/strict';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { DeliveryError } from '../../../lib/errors/delivery-error.ts';
import { isSignedBy, signedPayload } from '../../../lib/supply/cosign.ts';
import { isProvenanceOf } from '../../../lib/supply/provenance-statement.ts';
import { readSigningKey } from '../../../lib/supply/signing-key.ts';
import { readVerificationKey } from '../../../lib/supply/verification-key.ts';
import { COSIGN_KEY, COSIGN_PASSWORD, COSIGN_PUBLIC_KEY } from '../../support/cosign-key.ts';

const DIGEST = `sha256:${'a'.repeat(64)}`;
const OTHER = `sha256:${'b'.repeat(64)}`;
const publicPem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString();

describe('a verification key', () => {
  it('is what cosign generate-key-pair wrote into cosign.pub, also without its line ends', async () => {
    const { fingerprint, sign: signs } = await readSigningKey(COSIGN_KEY, COSIGN_PASSWORD);
    const bytes = Buffer.from('signed');
    for (const text of [
      COSIGN_PUBLIC_KEY,
      COSIGN_PUBLIC_KEY.replaceAll('\n', ' '),
      COSIGN_PUBLIC_KEY.replaceAll('\n', '\\n'),
    ]) {
      const key = readVerificationKey(text);
      assert.equal(key.fingerprint, fingerprint);
      assert.ok(key.verify(bytes, signs(bytes)));
      assert.ok(!key.verify(Buffer.from('other'), signs(bytes)));
    }
  });

  for (const [title, text, problem] of [
    ['a path', 'cosign.pub', /no public key in PEM/],
    ['a private key', COSIGN_KEY, /it is a private key/],
    ['damaged', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----', /it is damaged/],
    ['too short', publicPem(generateKeyPairSync('rsa', { modulusLength: 1024 }).publicKey), /kind rsa, or too short/],
  ] as const) {
    it(`that is ${title} is refused`, () => {
      assert.throws(
        () => readVerificationKey(text),
        (error) =>
          error instanceof DeliveryError && error.code === 'VERIFICATION_KEY_INVALID' && problem.test(error.message),
      );
    });
  }
});

describe('a signature of an image', () => {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });
  const key = readVerificationKey(publicPem(publicKey));
  const signed = (payload: Buffer): readonly [Buffer, Buffer] => [payload, sign('sha256', payload, privateKey)];

  it("is the key's, over this very digest", () => {
    const good = signed(signedPayload({ name: 'registry.example.com/app', digest: DIGEST }));
    assert.ok(isSignedBy(key, ...good, DIGEST));
    assert.ok(!isSignedBy(key, ...good, OTHER), 'signs another image');
    assert.ok(!isSignedBy(key, good[0], Buffer.alloc(70), DIGEST), 'is no signature');
    assert.ok(!isSignedBy(key, Buffer.from(good[0].toString().replace('app', 'apq')), good[1], DIGEST), 'was changed');
  });

  it('is none where something else was signed', () => {
    const image = { 'docker-manifest-digest': DIGEST };
    for (const text of [
      '',
      'null',
      '{}',
      JSON.stringify({ critical: { type: 'atomic container signature', image } }),
    ]) {
      assert.ok(!isSignedBy(key, ...signed(Buffer.from(text)), DIGEST), text);
    }
  });
});

describe('provenance of an image', () => {
  const statement = (change: object = {}): unknown => ({
    _type: 'https://in-toto.io/Statement/v1',
    predicateType: 'https://slsa.dev/provenance/v1',
    subject: [{ name: 'app', digest: { sha256: 'a'.repeat(64) } }],
    predicate: {},
    ...change,
  });

  it('names its digest, in any version of SLSA', () => {
    assert.ok(isProvenanceOf(statement(), [OTHER, DIGEST]));
    assert.ok(isProvenanceOf(statement({ _type: 'https://in-toto.io/Statement/v0.1' }), [DIGEST]));
    assert.ok(isProvenanceOf(statement({ predicateType: 'https://slsa.dev/provenance/v0.2' }), [DIGEST]));
  });

  for (const [title, value] of [
    ['of another image', statement({ subject: [{ name: 'app', digest: { sha256: 'c'.repeat(64) } }] })],
    ['by another algorithm', statement({ subject: [{ name: 'app', digest: { sha512: 'a'.repeat(64) } }] })],
    ['of another kind', statement({ predicateType: 'https://cyclonedx.org/bom' })],
    ['without subject', statement({ subject: undefined })],
    ['whose subject is none', statement({ subject: [null] })],
    ['that is no statement', { payload: 'x' }],
    ['that is nothing', undefined],
  ] as const) {
    it(`is none ${title}`, () => assert.ok(!isProvenanceOf(value, [DIGEST])));
  }
});
