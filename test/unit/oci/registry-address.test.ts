import assert from 'node:assert/strict';
import { parseChallenge } from '../../../lib/oci/challenge.ts';
import { apiOrigins, mayKnowCredentials, mayLeadTo } from '../../../lib/oci/registry-address.ts';

const origins = (registry: string, allowHttp = false): string[] =>
  apiOrigins(registry, allowHttp).map(({ origin }) => origin);
const url = (text: string): URL => new URL(text);

describe('the address of a registry', () => {
  it('is HTTPS, and plain HTTP only on this machine or where allowed', () => {
    assert.deepEqual(origins('shop.example.com'), ['https://shop.example.com']);
    assert.deepEqual(origins('shop.example.com:5000', true), [
      'https://shop.example.com:5000',
      'http://shop.example.com:5000',
    ]);
    for (const host of ['localhost:5000', '127.0.0.1:5000', '127.9.9.9', '[::1]:5000']) {
      assert.deepEqual(origins(host).length, 2, host);
    }
    for (const host of ['localhost.example.com', '128.0.0.1', '127.0.0.1.example.com']) {
      assert.deepEqual(origins(host).length, 1, host);
    }
  });

  it('of Docker Hub is another one than its images say', () => {
    assert.deepEqual(origins('docker.io'), ['https://registry-1.docker.io']);
  });

  it('does not lead from the internet into this machine, its network or the metadata service, nor to plain HTTP', () => {
    const registry = url('https://shop.example.com');
    assert.ok(mayLeadTo(registry, url('https://blobs.example.net/x?sig=1')));
    const never = [
      'http://blobs.example.net',
      'https://169.254.169.254/latest',
      'https://10.1.2.3',
      'https://192.168.0.1',
    ];
    for (const target of [
      ...never,
      'https://172.20.0.1',
      'https://localhost',
      'https://localhost.',
      'https://127.0.0.1',
      'https://[::1]',
      'file:///etc/passwd',
    ]) {
      assert.ok(!mayLeadTo(registry, url(target)), target);
    }
  });

  it('on this machine may lead to this machine, but never to the metadata service', () => {
    assert.ok(mayLeadTo(url('http://127.0.0.1:5000'), url('http://localhost:5001')));
    for (const target of [
      'http://169.254.169.254/',
      'http://[::ffff:169.254.169.254]/',
      'http://[fd00:ec2::254]/',
      'http://metadata.google.internal./',
    ]) {
      for (const registry of ['http://127.0.0.1:5000', 'http://10.0.0.1:5000']) {
        assert.ok(!mayLeadTo(url(registry), url(target)), `${registry} to ${target}`);
      }
    }
  });

  it('shares its credentials with token services of its own domain and no others', () => {
    const pairs: readonly (readonly [string, string, boolean])[] = [
      ['https://registry-1.docker.io', 'https://auth.docker.io/token', true],
      ['https://registry.gitlab.com', 'https://gitlab.com/jwt/auth', true],
      ['https://ghcr.io', 'https://ghcr.io/token', true],
      ['https://shop.azurecr.io', 'https://shop.azurecr.io/oauth2/token', true],
      ['http://127.0.0.1:5000', 'http://127.0.0.1:5001/token', true],
      ['https://ghcr.io', 'https://evil.io/token', false],
      ['https://shop.example.com', 'https://evil.com/token', false],
      ['https://shop.example.com', 'https://notexample.com/token', false],
      ['https://shop.example.com', 'http://shop.example.com/token', false],
      ['https://10.0.0.1', 'https://11.0.0.1/token', false],
    ];
    for (const [registry, service, expected] of pairs) {
      assert.equal(mayKnowCredentials(url(registry), url(service)), expected, `${registry} ${service}`);
    }
  });
});

describe('a challenge', () => {
  it('names the token service, the service and the scope', () => {
    const header =
      'Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push"';
    assert.deepEqual(parseChallenge(header), {
      scheme: 'bearer',
      realm: 'https://auth.docker.io/token',
      service: 'registry.docker.io',
      scope: 'repository:a/b:pull,push',
    });
  });

  it('may be Basic, in any case, or both, when the token is preferred', () => {
    assert.deepEqual(parseChallenge('basic realm="test"'), { scheme: 'basic' });
    const both = parseChallenge('Basic realm="x", Bearer realm="https://shop.example.com/token"');
    assert.deepEqual(both, {
      scheme: 'bearer',
      realm: 'https://shop.example.com/token',
      service: undefined,
      scope: undefined,
    });
  });

  it('of another kind, or without a realm, is none', () => {
    for (const header of ['', 'Negotiate', 'Bearer service="x"', 'Digest realm="x"']) {
      assert.equal(parseChallenge(header), undefined, header);
    }
  });
});
