import { DeliveryError } from '../errors/delivery-error.ts';
import type { NetworkSettings } from '../http/dispatcher.ts';

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
  /** Namespace of the kubeconfig's context, or of the service account. */
  readonly namespace: string | undefined;
  readonly credential: ClusterCredential;
  /** The agent's own proxy and certificate authorities. */
  readonly network?: NetworkSettings;
  /** What is known of how the cluster is reached, as a sentence for those who cannot reach it. */
  readonly surroundings?: string | undefined;
}

/** What proves to the cluster who asks. A certificate can stand beside a token. */
export interface ClusterCredential {
  readonly token?: string;
  /** Gives the token of the moment, for tokens that end. */
  readonly tokens?: Tokens;
  readonly basic?: { readonly username: string; readonly password: string };
  readonly certificate?: { readonly cert: string; readonly key: string };
}

/**
 * A token that is valid now.
 *
 * @param refused a token that the cluster did not accept, although it should have been valid
 */
export type Tokens = (refused?: string) => Promise<string>;

/** The parts of a service account connection. */
export interface ServiceAccountParts {
  readonly server: string;
  readonly token: string;
  readonly caCertificate: string | undefined;
  readonly acceptUntrustedCerts: boolean;
  readonly namespace: string | undefined;
}

/** Access by a service account's token. Throws `CONNECTION_INVALID` where the server is no URL or the authority no PEM. */
export function accessByServiceAccount(parts: ServiceAccountParts): ClusterAccess {
  if (!URL.canParse(parts.server)) {
    throw new DeliveryError('CONNECTION_INVALID', {
      message: `The Kubernetes connection has the server "${parts.server}", which is no URL.`,
      remedy: 'Give the address that `kubectl cluster-info` shows, such as https://10.0.0.1:6443.',
    });
  }
  if (parts.caCertificate?.includes('-----BEGIN CERTIFICATE-----') === false) {
    throw new DeliveryError('CONNECTION_INVALID', {
      message: `The certificate of the Kubernetes connection to ${parts.server} is no certificate.`,
      remedy: 'Paste the whole Secret of the service account again, as `kubectl get secret NAME -o json` shows it.',
    });
  }
  return {
    server: parts.server,
    ca: parts.caCertificate,
    insecureSkipTlsVerify: parts.acceptUntrustedCerts,
    tlsServerName: undefined,
    proxyUrl: undefined,
    namespace: parts.namespace,
    credential: { token: parts.token.trim() },
  };
}

/** Everything in an access that must never be printed. */
export function secretsOf({ credential: { token, basic, certificate } }: ClusterAccess): readonly string[] {
  // Logs are read line by line, and so are secrets in them.
  const keyLines = (certificate?.key ?? '').split(/\r?\n/).filter((line) => line !== '' && !line.startsWith('-----'));
  return [token, basic?.password, ...keyLines].filter((secret) => secret !== undefined);
}
