import assert from 'node:assert/strict';
import { explainNetworkError, isPassing } from '../../../../lib/kube/client/network-error.ts';

const SERVER = 'https://shop-1234.hcp.westeurope.azmk8s.io:443';
const PRIVATE = 'https://shop-1234.0f3c.privatelink.westeurope.azmk8s.io:443';

function failure(code: string, message = 'it failed'): Error {
  return Object.assign(new Error(message), { code });
}

describe('a cluster that cannot be reached', () => {
  it('is explained by everything that may stand in the way, where nothing is known of it', () => {
    const { code, message, remedy } = explainNetworkError(failure('ETIMEDOUT'), { server: SERVER });
    assert.equal(code, 'CLUSTER_UNREACHABLE');
    assert.equal(message, `The cluster at ${SERVER} cannot be reached (ETIMEDOUT).`);
    assert.match(remedy, /name resolution, firewall, proxy, authorized IP ranges, or a private cluster/);
  });

  it('is known as a private one by its address', () => {
    assert.match(explainNetworkError(failure('ENOTFOUND'), { server: PRIVATE }).remedy, /^It is a private cluster, /);
  });

  it('is explained by what Azure said of it, where it said something', () => {
    const surroundings = 'It lets in only the addresses 20.1.2.3/32.';
    assert.equal(explainNetworkError(failure('ETIMEDOUT'), { server: PRIVATE, surroundings }).remedy, surroundings);
  });

  it('is not to blame where the proxy refuses, or does not know who asks', () => {
    const byProxy = (status: number): Error =>
      failure('UND_ERR_ABORTED', `Proxy response (${status}) !== 200 when HTTP Tunneling`);
    const unknown = explainNetworkError(byProxy(407), { server: PRIVATE });
    assert.match(unknown.message, /\(the proxy answered 407\)\.$/);
    assert.match(unknown.remedy, /user name and password of the proxy/);
    assert.match(explainNetworkError(byProxy(403), { server: PRIVATE }).remedy, /Have the proxy allow connections/);
    assert.deepEqual([407, 503].map(byProxy).map(isPassing), [false, true]);
  });

  it('by a certificate that nobody vouches for, or that is for another host, is told apart', () => {
    for (const code of ['SELF_SIGNED_CERT_IN_CHAIN', 'ERR_TLS_CERT_ALTNAME_INVALID', 'CERT_HAS_EXPIRED']) {
      assert.equal(explainNetworkError(failure(code), { server: SERVER }).code, 'CERTIFICATE_UNTRUSTED');
    }
  });
});
