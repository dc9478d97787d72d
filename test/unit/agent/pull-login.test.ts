import assert from 'node:assert/strict';
import type { Agent } from '../../../lib/agent/agent.ts';
import { pullLogin } from '../../../lib/agent/pull-login.ts';
import { ServiceConnections } from '../../../lib/agent/service-connections.ts';

type Fields = Readonly<Record<string, string>>;

/** The login of one connection, and what was hidden from the log. */
function loginOf(
  scheme: string,
  parameters: Fields,
  data: Fields = {},
): { readonly login: object; readonly hidden: readonly string[] } {
  const hidden: string[] = [];
  const connections = new ServiceConnections({
    url: () => undefined,
    scheme: () => scheme,
    parameter: (_, key) => parameters[key],
    data: (_, key) => data[key],
  });
  const agent = { connections, hide: (secret: string) => hidden.push(secret) } as unknown as Agent;
  return { login: pullLogin(agent, 'shop'), hidden };
}

const ACR = { loginServer: 'shop.azurecr.io', tenantid: 't', serviceprincipalid: 'app', ACCESSTOKEN: 'x' };

describe('the login for an image pull secret', () => {
  it('is the user and password of a registry, hidden in all its forms', () => {
    const { login, hidden } = loginOf('UsernamePassword', {
      registry: 'https://index.docker.io/v1/',
      username: 'me',
      password: 'pw',
    });
    assert.deepEqual(login, { registry: 'docker.io', username: 'me', password: 'pw' });
    assert.deepEqual(hidden, ['pw', btoa('me:pw')]);
  });

  it('is the application and its secret for Azure Container Registry', () => {
    const { login } = loginOf('ServicePrincipal', { ...ACR, serviceprincipalkey: 'secret' });
    assert.deepEqual(login, { registry: 'shop.azurecr.io', username: 'app', password: 'secret' });
  });

  it('is refused where it would end after hours, with what to do instead', () => {
    for (const scheme of ['WorkloadIdentityFederation', 'ManagedServiceIdentity']) {
      assert.throws(() => loginOf(scheme, ACR), { code: 'PULL_SECRET_UNSUPPORTED', remedy: /attach-acr/ }, scheme);
    }
    assert.throws(() => loginOf('Token', { registry: 'shop.io', apitoken: 'x' }), { code: 'PULL_SECRET_UNSUPPORTED' });
  });
});
