import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { codeOf } from '../http/retry.ts';

/** What a request was about, for the error that names it. */
export interface Asked {
  readonly registry: string;
  /** The repository, where the request concerns one. */
  readonly repository?: string | undefined;
  /** What was being done, such as "read the manifest of …". */
  readonly doing: string;
  /** Who asked; undefined: nobody in particular. */
  readonly username?: string | undefined;
}

/** The code of a registry's error body (OCI distribution specification, "Error codes"); only a plain word is believed. */
export function errorCodeOf(body: Buffer): string | undefined {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: readonly { code?: unknown }[] };
    const code = errors?.[0]?.code;
    return typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : undefined;
  } catch {
    return undefined;
  }
}

/** The error of an answer whose status says that the request failed for good. */
export function refusal(status: number, code: string | undefined, asked: Asked): DeliveryError {
  const { registry, doing } = asked;
  if (status === 401) return unauthorized(asked);
  if (status === 403 || code === 'DENIED') return forbidden(asked);
  if (status === 404 && code === 'NAME_UNKNOWN') return repositoryMissing(asked);
  if (code === 'MANIFEST_BLOB_UNKNOWN') {
    return new DeliveryError('REGISTRY_INCONSISTENT', {
      message: `The registry ${registry} said that it had all layers, and lacked one when asked to ${doing}.`,
      remedy: 'Run again; if it stays so, the registry has lost content: repair it, or push to another repository.',
    });
  }
  if (status === 429) {
    return new DeliveryError('REGISTRY_BUSY', {
      message: `The registry ${registry} kept answering 429 (too many requests) when asked to ${doing}.`,
      remedy: 'Run again later; Docker Hub allows more pulls to a signed-in user.',
    });
  }
  if (status >= 500) {
    return new DeliveryError('REGISTRY_FAILED', {
      message: `The registry ${registry} failed with status ${status} when asked to ${doing}.`,
      remedy: "Run again later; if it stays so, read the registry's own log.",
    });
  }
  const said = code === undefined ? `status ${status}` : `${code} (status ${status})`;
  return new DeliveryError('REGISTRY_REFUSED', {
    message: `The registry ${registry} answered ${said} when asked to ${doing}.`,
    remedy: 'Check that the registry takes such images and that its quota is not used up.',
  });
}

/** The error of a request that got no answer at all. */
export function unreachable(cause: unknown, { registry, doing }: Asked): DeliveryError {
  const code = codeOf(cause);
  if (/CERT|ERR_TLS|UNABLE_TO_|SELF_SIGNED/.test(code ?? '')) {
    return new DeliveryError('REGISTRY_UNTRUSTED', {
      message: `The certificate of the registry ${registry} is not trusted: ${code ?? messageOf(cause)}.`,
      remedy: "Give the agent the authority that signed it (NODE_EXTRA_CA_CERTS or the agent's --sslcacert).",
      cause,
    });
  }
  return new DeliveryError('REGISTRY_UNREACHABLE', {
    message: `The registry ${registry} could not be reached to ${doing}: ${code ?? messageOf(cause)}.`,
    remedy: 'Check the host name, and that a firewall or proxy lets this agent reach it.',
    cause,
  });
}

function unauthorized({ registry, repository, doing, username }: Asked): DeliveryError {
  return username === undefined
    ? new DeliveryError('REGISTRY_UNAUTHORIZED', {
        message: `The registry ${registry} wants credentials to ${doing}, and none were given for it.`,
        remedy: `Choose a Docker registry service connection for ${registry}; some registries answer so, too, when ${repository ?? 'the repository'} does not exist.`,
      })
    : new DeliveryError('REGISTRY_UNAUTHORIZED', {
        message: `The registry ${registry} did not accept the credentials of ${username} to ${doing}.`,
        remedy: 'Renew the user name and password or token in the service connection.',
      });
}

function forbidden({ registry, doing, username = 'an anonymous user' }: Asked): DeliveryError {
  const remedy = registry.endsWith('.azurecr.io')
    ? 'Grant the role AcrPush (AcrPull to read); in ABAC mode the registry ignores these and wants Container Registry Repository Writer (Reader).'
    : 'Grant this user the right to push to (for a base image, to pull from) the repository.';
  return new DeliveryError('REGISTRY_FORBIDDEN', {
    message: `The registry ${registry} does not allow ${username} to ${doing}.`,
    remedy,
  });
}

function repositoryMissing({ registry, repository = '' }: Asked): DeliveryError {
  return new DeliveryError('REPOSITORY_NOT_FOUND', {
    message: `The registry ${registry} has no repository ${repository}.`,
    remedy: 'Correct its name, or create it first where the registry does not create repositories by itself.',
  });
}
