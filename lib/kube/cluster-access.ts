import { DeliveryError } from '../errors/delivery-error.ts';

/** How to reach one cluster, and as whom: what every kind of connection comes down to. */
export interface ClusterAccess {
  /** Root of the API, such as `https://shop-dns-1234.hcp.westeurope.azmk8s.io:443`. */
  readonly server: string;
  /** PEM certificates to trust instead of the system's. */
  readonly ca: string | undefined;
  readonly insecureSkipTlsVerify: boolean;
  /** Name that the server's certificate must carry, where it is not the host of `server`. */
  readonly tlsServerName: string | undefined;
  /** An http(s) proxy to go through. */
  readonly proxyUrl: string | undefined;
  /** Namespace of the kubeconfig's context. */
  readonly namespace: string | undefined;
  readonly credential: ClusterCredential;
}

/** What proves to the cluster who asks. A certificate can stand beside a token. */
export interface ClusterCredential {
  readonly token?: string;
  readonly basic?: { readonly username: string; readonly password: string };
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/** The parts of a service account connection. */
export interface ServiceAccountParts {
  readonly server: string;
  readonly token: string;
  readonly caCertificate: string | undefined;
  readonly acceptUntrustedCerts: boolean;
}

/** Access by a service account's token. Throws `CONNECTION_INVALID` where the server is no URL. */
export function accessByServiceAccount(parts: ServiceAccountParts): ClusterAccess {
  if (!URL.canParse(parts.server)) {
    throw new DeliveryError('CONNECTION_INVALID', {
      message: `The Kubernetes connection has the server "${parts.server}", which is no URL.`,
      remedy: 'Give the address that `kubectl cluster-info` shows, such as https://10.0.0.1:6443.',
    });
  }
  return {
    server: parts.server,
    ca: parts.caCertificate,
    insecureSkipTlsVerify: parts.acceptUntrustedCerts,
    tlsServerName: undefined,
    proxyUrl: undefined,
    namespace: undefined,
    credential: { token: parts.token.trim() },
  };
}

/** Everything in an access that must never be printed. */
export function secretsOf({ credential }: ClusterAccess): readonly string[] {
  return [credential.token, credential.basic?.password, credential.certificate?.key].filter(
    (secret) => secret !== undefined,
  );
}
