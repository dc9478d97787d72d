import assert from 'node:assert/strict';
import type { Login } from '../../../lib/oci/login.ts';
import { type Refusal, refusal, refusalIn, unreachable } from '../../../lib/oci/registry-errors.ts';

const ANSWER: Refusal = { status: 401, code: undefined, message: '', lacksScope: false };
const LOGIN: Login = { kind: 'password', username: 'ann', password: 'x', from: 'the service connection "shop"' };
const asked = (registry: string, login?: Login) => ({ registry, repository: 'team/app', doing: 'push it', login });

describe('the errors of a registry', () => {
  it('say that there is no registry of that name', () => {
    const error = unreachable(Object.assign(new Error(), { code: 'ENOTFOUND' }), asked('myregistri.azurecr.io'));
    assert.equal(error.code, 'REGISTRY_NOT_FOUND');
    assert.match(error.message, /myregistri\.azurecr\.io/);
  });

  it('tell a proxy that refuses from a registry that cannot be reached', () => {
    const byProxy = (status: number): Error =>
      Object.assign(new Error(`Proxy response (${status}) !== 200 when HTTP Tunneling`), { code: 'UND_ERR_ABORTED' });
    const unknown = unreachable(byProxy(407), asked('shop.azurecr.io'));
    assert.equal(unknown.code, 'REGISTRY_UNREACHABLE');
    assert.match(unknown.message, /to push it: the proxy answered 407\.$/);
    assert.match(unknown.remedy, /user name and password of the proxy/);
    assert.match(unreachable(byProxy(403), asked('shop.azurecr.io')).remedy, /Have the proxy allow connections/);
  });

  it('name the roles of Azure, in both modes of its registries', () => {
    const error = refusal({ ...ANSWER, lacksScope: true }, asked('shop.azurecr.io', LOGIN));
    assert.equal(error.code, 'REGISTRY_FORBIDDEN');
    assert.match(error.remedy, /AcrPush.*ABAC.*Container Registry Repository Writer/);
  });

  it('ask for credentials where there were none, whatever the scope', () => {
    const error = refusal({ ...ANSWER, lacksScope: true }, asked('shop.example.com'));
    assert.equal(error.code, 'REGISTRY_UNAUTHORIZED');
    assert.match(error.message, /none were given/);
  });

  it('are read from bodies and challenges, and of these only plain words', () => {
    const headers = { 'www-authenticate': 'Bearer realm="https://a/t",scope="x",error="insufficient_scope"' };
    const body = (text: string): Buffer => Buffer.from(text);
    const read = refusalIn({ status: 401, headers }, body('{"errors":[{"code":"DENIED","message":"no"}]}'));
    assert.deepEqual(read, { status: 401, code: 'DENIED', message: 'no', lacksScope: true });
    for (const text of ['', '[]', '{"errors":[]}', '{"errors":[{"code":"##vso[x]","message":7}]}', '<html>']) {
      assert.deepEqual(refusalIn({ status: 401, headers: {} }, body(text)), ANSWER);
    }
  });
});
