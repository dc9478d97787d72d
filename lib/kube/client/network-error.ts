import { DeliveryError } from '../../errors/delivery-error.ts';
import { refusalOfProxy } from '../../http/proxy.ts';
import type { ClusterAccess } from '../cluster-access.ts';

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
export function explainNetworkError(
  error: unknown,
  { server, surroundings }: Pick<ClusterAccess, 'server' | 'surroundings'>,
): DeliveryError {
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
  const refusal = refusalOfProxy(error, 'the agent, the kubeconfig or HTTPS_PROXY');
  return new DeliveryError('CLUSTER_UNREACHABLE', {
    message: `The cluster at ${server} cannot be reached (${refusal?.why ?? code}).`,
    remedy: refusal?.remedy ?? surroundings ?? (isPrivateLink(server) ? PRIVATE : ANYTHING),
    cause: error,
  });
}

const PRIVATE = 'It is a private cluster, so use an agent in its network or in one that is peered with it.';
const ANYTHING =
  'Check that the cluster is running and that the agent reaches this address: name resolution, firewall, proxy, authorized IP ranges, or a private cluster that needs an agent in its network.';

/** Whether an address is that of a private AKS cluster: `https://shop-1234.<id>.privatelink.westeurope.azmk8s.io`. */
function isPrivateLink(server: string): boolean {
  return URL.canParse(server) && new URL(server).hostname.includes('.privatelink.');
}

/** Whether trying again could help: certificates and passwords do not get better by asking twice. */
export function isPassing(error: unknown): boolean {
  return UNTRUSTED[codeOf(error)] === undefined && refusalOfProxy(error)?.isUnknown !== true;
}

/** The code of an error or of what caused it; several addresses tried at once come as one error with several. */
function codeOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const { code } = error as { readonly code?: unknown };
  if (error instanceof AggregateError && error.errors.length > 0) return codeOf(error.errors[0]);
  if (error.cause instanceof Error) return codeOf(error.cause);
  return typeof code === 'string' ? code : error.message;
}
