import { DeliveryError, messageOf } from '../../errors/delivery-error.ts';
import { refusalOfProxy } from '../../http/proxy.ts';

/** A request that got no answer. */
export interface ConnectionFailure {
  /** Of Node.js or undici, such as `ENOTFOUND`. */
  readonly code: string | undefined;
  readonly cause: unknown;
}

/** Codes of Node.js and undici for a host that is not there or does not let us in. */
const ABSENT =
  /^(?:ENOTFOUND|EAI_AGAIN|ECONNREFUSED|EHOSTUNREACH|ENETUNREACH|CONNECT_TIMEOUT|UND_ERR_CONNECT_TIMEOUT)$/;
const UNTRUSTED =
  /^(?:ERR_TLS_\w+|CERT_\w+|SELF_SIGNED_CERT_IN_CHAIN|DEPTH_ZERO_SELF_SIGNED_CERT|UNABLE_TO_\w+|EPROTO)$/;

/**
 * Whether another attempt may succeed after a connection that failed. Where a host does not exist, asking again at once
 * is pointless.
 *
 * @param known the store has answered before: its host is real, so that even a refused connection may be passing
 */
export function mayConnectYet({ code, cause }: ConnectionFailure, known: boolean): boolean {
  if (UNTRUSTED.test(code ?? '') || refusalOfProxy(cause)?.isUnknown === true) return false;
  return known || !ABSENT.test(code ?? '') || code === 'EAI_AGAIN' || code === 'ECONNREFUSED';
}

/**
 * The error for a store that gave no answer.
 *
 * @param input the input that names the store, for the remedy
 */
export function unreachable({ code, cause }: ConnectionFailure, endpoint: string, input: string): DeliveryError {
  const { hostname, host } = new URL(endpoint);
  const silent = `${host} stopped answering`;
  const broken = `${host} broke the connection`;
  const why: Readonly<Partial<Record<string, string>>> = {
    ENOTFOUND: `the name ${hostname} does not exist`,
    EAI_AGAIN: `the name ${hostname} could not be looked up`,
    ECONNREFUSED: `${host} refused the connection`,
    CONNECT_TIMEOUT: `${host} did not answer`,
    UND_ERR_CONNECT_TIMEOUT: `${host} did not answer`,
    IDLE_TIMEOUT: silent,
    UND_ERR_HEADERS_TIMEOUT: silent,
    UND_ERR_BODY_TIMEOUT: silent,
    ECONNRESET: broken,
    UND_ERR_SOCKET: broken,
  };
  const refusal = refusalOfProxy(cause);
  const untrusted = UNTRUSTED.test(code ?? '')
    ? 'Have the agent trust its certificate (NODE_EXTRA_CA_CERTS names a PEM file of authorities).'
    : undefined;
  return new DeliveryError('STORE_UNREACHABLE', {
    message: `The store ${endpoint} could not be reached: ${refusal?.why ?? why[code ?? ''] ?? code ?? messageOf(cause)}.`,
    remedy:
      refusal?.remedy ??
      untrusted ??
      `Check ${input}, and that the agent may connect there (firewall, private endpoint, proxy).`,
    cause,
  });
}
