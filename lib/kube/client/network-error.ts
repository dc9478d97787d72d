import { DeliveryError } from '../../errors/delivery-error.ts';

const UNTRUSTED: Readonly<Record<string, string>> = {
  DEPTH_ZERO_SELF_SIGNED_CERT: 'is self-signed',
  SELF_SIGNED_CERT_IN_CHAIN: 'comes from an authority that the connection does not name',
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: 'comes from an authority that the connection does not name',
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: 'comes from an authority that the connection does not name',
  UNABLE_TO_GET_ISSUER_CERT: 'comes from an authority that the connection does not name',
  CERT_SIGNATURE_FAILURE: 'comes from an authority that the connection does not name',
  CERT_UNTRUSTED: 'comes from an authority that is not trusted',
  CERT_HAS_EXPIRED: 'has expired',
  CERT_NOT_YET_VALID: 'is not valid yet',
  ERR_TLS_CERT_ALTNAME_INVALID: 'is for another host name',
};

/** The error of a connection that did not come about: `CERTIFICATE_UNTRUSTED` or `CLUSTER_UNREACHABLE`. */
export function explainNetworkError(error: unknown, server: string): DeliveryError {
  const code = codeOf(error);
  const untrusted = UNTRUSTED[code];
  if (untrusted !== undefined) {
    return new DeliveryError('CERTIFICATE_UNTRUSTED', {
      message: `The certificate of the cluster at ${server} ${untrusted} (${code}).`,
      remedy:
        'Give the service connection the certificate authority of this cluster (certificate-authority-data), and tls-server-name if it answers under another name.',
      cause: error,
    });
  }
  return new DeliveryError('CLUSTER_UNREACHABLE', {
    message: `The cluster at ${server} cannot be reached (${code}).`,
    remedy:
      'Check that the cluster is running and that the agent reaches this address: name resolution, firewall, proxy, authorized IP ranges, or a private cluster that needs an agent in its network.',
    cause: error,
  });
}

/** Whether trying again could help: certificates do not get better by asking twice. */
export function isPassing(error: unknown): boolean {
  return UNTRUSTED[codeOf(error)] === undefined;
}

/** The code of an error or of what caused it; several addresses tried at once come as one error with several. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { readonly code?: unknown };
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (error.cause instanceof Error) return codeOf(error.cause);
  return typeof code === 'string' ? code : error.message;
}
