import { readFileSync } from 'node:fs';
import { rootCertificates } from 'node:tls';
import type { Dispatcher as DispatcherType, Pool as PoolType } from 'undici';
import connect from 'undici/lib/api/api-connect.js';
import Agent from 'undici/lib/dispatcher/agent.js';
import Dispatcher from 'undici/lib/dispatcher/dispatcher.js';
import Pool from 'undici/lib/dispatcher/pool.js';
import ProxyAgent from 'undici/lib/dispatcher/proxy-agent.js';
import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { DirectReader } from './direct-reader.ts';
import { proxyFor, type ProxySettings } from './proxy.ts';

// The part that speaks to proxies asks connections for tunnels by a method that only the whole of undici adds to them.
Object.assign(Dispatcher.prototype, { connect });

/** How requests leave this machine. */
export interface NetworkSettings {
  readonly proxy?: ProxySettings | undefined;
  /** A PEM file of certificate authorities to trust besides the usual ones. */
  readonly caFile?: string | undefined;
}

/** How long a peer may keep us waiting, in milliseconds. */
export interface PeerLimits {
  /** A connection must stand within this time. */
  readonly connect: number;
  /** A peer that neither takes nor gives a byte for this long has failed. */
  readonly idle: number;
}

const LIMITS: PeerLimits = { connect: 15_000, idle: 60_000 };

/**
 * What sends a task's HTTP requests: connections kept open and shared, through the proxy that the agent or the
 * environment names for each host, with idle limits in both directions.
 *
 * @throws DeliveryError `CA_UNREADABLE`
 */
export function createDispatcher(
  { proxy = {}, caFile }: NetworkSettings = {},
  environment: NodeJS.ProcessEnv = process.env,
  limits: PeerLimits = LIMITS,
): DispatcherType {
  const trust = trustOf({ caFile }, environment);
  const options: PoolType.Options = {
    headersTimeout: limits.idle,
    bodyTimeout: limits.idle,
    connect: { ...trust, timeout: limits.connect },
  };
  return new Agent({
    ...options,
    factory: (origin) => {
      const through = proxyFor(new URL(origin), proxy, environment);
      if (through === undefined) return new Pool(origin, options);
      return new ProxyAgent({
        ...options,
        uri: withoutCredentials(through),
        requestTls: trust,
        ...proxyToken(through),
      });
    },
  });
}

/**
 * What reads bodies straight into memory, from peers to which no proxy leads.
 *
 * @throws DeliveryError `CA_UNREADABLE`
 */
export function createDirectReader(
  { proxy = {}, caFile }: NetworkSettings = {},
  environment: NodeJS.ProcessEnv = process.env,
  limits: PeerLimits = LIMITS,
): DirectReader {
  const reaches = (peer: URL): boolean => proxyFor(peer, proxy, environment) === undefined;
  return new DirectReader({ ...limits, ...trustOf({ caFile }, environment), reaches });
}

/**
 * The certificate authorities that connections trust, as Node's `tls` takes them.
 *
 * @throws DeliveryError `CA_UNREADABLE`
 */
export function trustOf(
  { caFile }: Pick<NetworkSettings, 'caFile'>,
  environment: NodeJS.ProcessEnv = process.env,
): { readonly ca?: string[] } {
  return caFile === undefined ? {} : { ca: trusted(caFile, environment) };
}

/** Node forgets both its own roots and NODE_EXTRA_CA_CERTS once it is given a list. */
function trusted(caFile: string, environment: NodeJS.ProcessEnv): string[] {
  return [...rootCertificates, ...addedAuthorities({ caFile }, environment)];
}

/**
 * The authorities that were added to the usual ones: the agent's and NODE_EXTRA_CA_CERTS.
 *
 * @throws DeliveryError `CA_UNREADABLE`
 */
export function addedAuthorities(
  { caFile }: Pick<NetworkSettings, 'caFile'>,
  environment: NodeJS.ProcessEnv = process.env,
): string[] {
  const files = [caFile, environment.NODE_EXTRA_CA_CERTS];
  return files.flatMap((file) => (file === undefined || file === '' ? [] : readCertificates(file)));
}

function readCertificates(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (cause) {
    throw new DeliveryError('CA_UNREADABLE', {
      message: `The certificate file ${file} cannot be read: ${messageOf(cause)}.`,
      remedy: "Correct the agent's --sslcacert or NODE_EXTRA_CA_CERTS, or remove it.",
      cause,
    });
  }
}

function withoutCredentials(proxy: URL): string {
  const bare = new URL(proxy);
  bare.username = '';
  bare.password = '';
  return bare.href;
}

function proxyToken({ username, password }: URL): { readonly token?: string } {
  if (username === '') return {};
  const credentials = `${decodeURIComponent(username)}:${decodeURIComponent(password)}`;
  return { token: `Basic ${Buffer.from(credentials).toString('base64')}` };
}
