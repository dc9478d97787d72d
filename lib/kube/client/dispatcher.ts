import { createSecureContext } from 'node:tls';
import type { SecureContextOptions } from 'node:tls';
import type { buildConnector, Dispatcher } from 'undici';
import Agent from 'undici/lib/dispatcher/agent.js';
import ProxyAgent from 'undici/lib/dispatcher/proxy-agent.js';
import { addedAuthorities, trustOf } from '../../http/dispatcher.ts';
import { proxyFor } from '../../http/proxy.ts';
import type { ClusterAccess } from '../cluster-access.ts';

const CONNECT_LIMIT = 10_000;
/** Longer than the 30 s that the API server gives an admission webhook, and than a turn of a watch lasts. */
const IDLE_LIMIT = 45_000;

/**
 * What sends requests to one cluster: with its certificate authority, client certificate and server name, through the
 * kubeconfig's proxy or else the agent's. A peer that is silent for too long has failed.
 *
 * @throws DeliveryError `CA_UNREADABLE`
 */
export function dispatcherFor(access: ClusterAccess): Dispatcher {
  const { proxy = {}, caFile } = access.network ?? {};
  const trust = trustOf({ caFile });
  const tls: buildConnector.BuildOptions = {
    rejectUnauthorized: !access.insecureSkipTlsVerify,
    ...(access.tlsServerName === undefined ? {} : { servername: access.tlsServerName }),
    ...shared({
      // A proxy that looks into TLS shows a certificate by an authority of the agent's, not by the cluster's own.
      ...(access.ca === undefined ? trust : { ca: [access.ca, ...addedAuthorities({ caFile })] }),
      ...access.credential.certificate,
    }),
  };
  const limits = { headersTimeout: IDLE_LIMIT, bodyTimeout: IDLE_LIMIT, keepAliveTimeout: 60_000 };
  const through =
    access.proxyUrl === undefined ? proxyFor(new URL(access.server), proxy, process.env) : new URL(access.proxyUrl);
  if (through === undefined) return new Agent({ ...limits, connect: { ...tls, timeout: CONNECT_LIMIT } });
  const { username, password } = through;
  const token = Buffer.from(`${decodeURIComponent(username)}:${decodeURIComponent(password)}`).toString('base64');
  return new ProxyAgent({
    ...limits,
    uri: `${through.protocol}//${through.host}`,
    requestTls: tls,
    proxyTls: trust,
    ...(username === '' ? {} : { token: `Basic ${token}` }),
  });
}

/**
 * Certificates and keys, read once for all connections: a bundle of a company's authorities takes 35 ms each time. What
 * cannot be read is left for the first connection to tell.
 */
function shared(secrets: SecureContextOptions): buildConnector.BuildOptions {
  try {
    return { secureContext: createSecureContext(secrets) };
  } catch {
    return secrets;
  }
}
