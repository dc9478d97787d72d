import assert from 'node:assert/strict';
import { configuredLogin } from '../../../lib/oci/docker-config.ts';

const from = '/root/.docker/config.json';
const auth = Buffer.from('ann:pa:ss').toString('base64');
const found = (config: object, registry = 'shop.example.com') =>
  configuredLogin(JSON.stringify(config), registry, from);

describe("docker's configuration", () => {
  it('holds logins by host or by address, by password or by token', () => {
    const login = { kind: 'password', username: 'ann', password: 'pa:ss', from };
    assert.deepEqual(found({ auths: { 'shop.example.com': { auth } } }), { kind: 'login', login });
    assert.deepEqual(found({ auths: { 'https://Shop.Example.com/v2/': { auth } } }), { kind: 'login', login });
    assert.deepEqual(found({ auths: { 'https://index.docker.io/v1/': { auth } } }, 'docker.io'), {
      kind: 'login',
      login,
    });
    const nobody = '00000000-0000-0000-0000-000000000000';
    const byToken = { auth: Buffer.from(`${nobody}:`).toString('base64'), identitytoken: 'refresh' };
    assert.deepEqual(found({ auths: { 'shop.example.com': byToken } }), {
      kind: 'login',
      login: { kind: 'refreshToken', username: nobody, refreshToken: 'refresh', from },
    });
    assert.deepEqual(found({ auths: { 'shop.example.com': { registrytoken: 'jwt' } } }), {
      kind: 'login',
      login: { kind: 'token', token: 'jwt', from },
    });
  });

  it('knows nothing of registries that it does not name', () => {
    assert.deepEqual(found({}), { kind: 'none' });
    assert.deepEqual(found({ auths: { 'shop.example.com:5000': { auth } }, credsStore: 'desktop' }), { kind: 'none' });
    assert.deepEqual(found({ auths: { 'shop.example.com': { auth: 'bm9uZQ==' } } }), { kind: 'none' });
  });

  it('may leave a login to a program, for one registry or for all', () => {
    const helper = (name: string): unknown => ({ kind: 'helper', helper: name });
    assert.deepEqual(found({ credHelpers: { 'shop.example.com': 'acr-env' } }), helper('acr-env'));
    assert.deepEqual(found({ auths: { 'shop.example.com': {} }, credsStore: 'desktop' }), helper('desktop'));
    const both = { auths: { 'shop.example.com': { auth } }, credHelpers: { 'shop.example.com': '' } };
    assert.equal(found(both).kind, 'login');
  });
});
