import assert from 'node:assert/strict';
import { createPublicKey, generateKeyPairSync, type KeyObject, verify } from 'node:crypto';
import { readSigningKey } from '../../../lib/supply/signing-key.ts';
import { COSIGN_KEY, COSIGN_PASSWORD, COSIGN_PUBLIC_KEY } from '../../support/cosign-key.ts';

const BYTES = Buffer.from('to be signed');
const ed25519 = generateKeyPairSync('ed25519');
const pem = (key: KeyObject, type: 'pkcs8' | 'sec1' | 'pkcs1' = 'pkcs8'): string =>
  key.export({ type: type, format: 'pem' }).toString();

const PAIRS = {
  'EC P-256': generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  'EC P-384': generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  'RSA 2048': generateKeyPairSync('rsa', { modulusLength: 2048 }),
  Ed25519: ed25519,
};

describe('a signing key', () => {
  for (const [name, { privateKey, publicKey }] of Object.entries(PAIRS)) {
    it(`signs what its public key verifies (${name})`, async () => {
      const key = await readSigningKey(pem(privateKey));
      const algorithm = name === 'Ed25519' ? null : 'sha256';
      assert.ok(verify(algorithm, BYTES, publicKey, key.sign(BYTES)));
      assert.ok(key.verify(BYTES, key.sign(BYTES)));
      assert.ok(!key.verify(Buffer.from('something else'), key.sign(BYTES)));
    });
  }

  it('may be in the older forms of PEM', async () => {
    for (const text of [pem(PAIRS['EC P-256'].privateKey, 'sec1'), pem(PAIRS['RSA 2048'].privateKey, 'pkcs1')]) {
      assert.match((await readSigningKey(text)).fingerprint, /^sha256:[0-9a-f]{64}$/);
    }
  });

  it('may be what cosign generate-key-pair wrote', async () => {
    const key = await readSigningKey(COSIGN_KEY, COSIGN_PASSWORD);
    assert.ok(verify('sha256', BYTES, createPublicKey(COSIGN_PUBLIC_KEY), key.sign(BYTES)));
  });

  it('survives a variable that keeps no line ends', async () => {
    const text = pem(ed25519.privateKey);
    const { fingerprint } = await readSigningKey(text);
    for (const bent of [text.replaceAll('\n', ' '), text.replaceAll('\n', '\\n'), text.replaceAll('\n', '\r\n')]) {
      assert.equal((await readSigningKey(bent)).fingerprint, fingerprint);
    }
    const bent = COSIGN_KEY.replaceAll('\n', ' ');
    assert.ok(!(await readSigningKey(bent, COSIGN_PASSWORD)).verify(BYTES, Buffer.alloc(8)));
  });

  it('is opened by its password, and by no other', async () => {
    const options = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'right' } as const;
    const text = ed25519.privateKey.export(options).toString();
    assert.ok((await readSigningKey(text, 'right')).fingerprint);
    for (const [locked, password, problem] of [
      [text, 'wrong', /password is not its own/],
      [text, '', /no password is given/],
      [COSIGN_KEY, 'wrong', /password is not its own/],
      [COSIGN_KEY, '', /no password is given/],
    ] as const) {
      await assert.rejects(readSigningKey(locked, password), { code: 'SIGNING_KEY_LOCKED', message: problem });
    }
  });

  it('says what is wrong with it, and nothing of it', async () => {
    const damaged = pem(ed25519.privateKey).replace(/MC4C/, 'MC4D');
    for (const [text, problem] of [
      ['hello', /not PEM/],
      [COSIGN_PUBLIC_KEY, /public key, not a private key/],
      [pem(generateKeyPairSync('rsa', { modulusLength: 1024 }).privateKey), /too short/],
      [pem(generateKeyPairSync('ec', { namedCurve: 'secp256k1' }).privateKey), /kind ec/],
      [pem(generateKeyPairSync('x25519').privateKey), /kind x25519/],
      [damaged, /damaged/],
      [COSIGN_KEY.replace('eyJrZGYi', 'AAAAAAAA'), /not encrypted as cosign/],
    ] as const) {
      await assert.rejects(readSigningKey(text), (error: Error) => {
        assert.match(error.message, problem);
        const body = text.split('\n')[1] ?? '';
        assert.ok(body === '' || !error.message.includes(body));
        assert.equal(error.cause, undefined);
        return true;
      });
    }
  });

  it('does not let whoever made it choose how long opening it takes', async () => {
    const [, body = ''] = /-----\n([^-]+)-----/.exec(COSIGN_KEY) ?? [];
    const costly = Buffer.from(body, 'base64').toString().replace('"N":65536', '"N":4194304');
    const text = COSIGN_KEY.replace(body, `${Buffer.from(costly).toString('base64')}\n`);
    await assert.rejects(readSigningKey(text, COSIGN_PASSWORD), {
      code: 'SIGNING_KEY_LOCKED',
      message: /as cosign does/,
    });
  });
});
