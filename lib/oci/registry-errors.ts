import { DeliveryError, messageOf } from '../errors/delivery-error.ts';
import { refusalOfProxy } from '../http/proxy.ts';
import { headerOf, type HttpAnswer } from '../http/request.ts';
import { codeOf } from '../http/retry.ts';
import { endOf } from './bearer-token.ts';
import { type Login, nameOf } from './login.ts';

/** What a request was about, for the error that names it. */
export interface Asked {
  readonly registry: string;
  /** The repository, where the request concerns one. */
  readonly repository?: string | undefined;
  /** What was being done, such as "read the manifest of …". */
  readonly doing: string;
  /** Who asked; undefined: nobody in particular. */
  readonly login?: Login | undefined;
}

/** What a registry said of a request that it did not carry out. */
export interface Refusal {
  readonly status: number;
  /** Its word for it, such as `DENIED`; only a plain word is believed. */
  readonly code: string | undefined;
  /** Its sentence; '' where it gave none. */
  readonly message: string;
  /** Whether it knows who asks, but has no right for them (RFC 6750, 3.1). */
  readonly lacksScope: boolean;
}

/** Longer sentences are no sentences. */
const LONGEST_MESSAGE = 300;

/** Reads an error's body (OCI distribution specification, "Error codes") and its challenge. */
export function refusalIn(answer: Pick<HttpAnswer, 'status' | 'headers'>, body: Buffer): Refusal {
  const { code, message } = firstError(body);
  return {
    status: answer.status,
    code: typeof code === 'string' && /^[A-Z_]{1,40}$/.test(code) ? code : undefined,
    message: typeof message === 'string' && message.length <= LONGEST_MESSAGE ? message : '',
    lacksScope: /\berror="?insufficient_scope\b/.test(headerOf(answer, 'www-authenticate') ?? ''),
  };
}

function firstError(body: Buffer): { readonly code?: unknown; readonly message?: unknown } {
  try {
    const { errors } = JSON.parse(body.toString()) as { errors?: readonly { code?: unknown; message?: unknown }[] };
    return errors?.[0] ?? {};
  } catch {
    return {};
  }
}

/** The error of an answer whose status says that the request failed for good. */
export function refusal(refused: Refusal, asked: Asked): DeliveryError {
  const { status, code } = refused;
  const { registry, doing } = asked;
  if (status === 403 && isFirewall(refused)) return shutOut(refused, asked);
  if (status === 401 && !(refused.lacksScope && asked.login !== undefined)) return unauthorized(refused, asked);
  if (status === 401 || status === 403 || code === 'DENIED') return forbidden(asked);
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
  if (code === 'ENOTFOUND') {
    return new DeliveryError('REGISTRY_NOT_FOUND', {
      message: `There is no registry ${registry}: its name leads nowhere (ENOTFOUND).`,
      remedy: 'Correct the name; a private registry is only known inside its network, where the agent must be.',
      cause,
    });
  }
  const refusal = refusalOfProxy(cause);
  return new DeliveryError('REGISTRY_UNREACHABLE', {
    message: `The registry ${registry} could not be reached to ${doing}: ${refusal?.why ?? code ?? messageOf(cause)}.`,
    remedy: refusal?.remedy ?? 'Check the host name, and that a firewall or proxy lets this agent reach it.',
    cause,
  });
}

function unauthorized({ message }: Refusal, { registry, repository, doing, login }: Asked): DeliveryError {
  if (login === undefined) {
    return new DeliveryError('REGISTRY_UNAUTHORIZED', {
      message: `The registry ${registry} wants credentials to ${doing}, and none were given for it.`,
      remedy: `Choose a service connection for ${registry}; some registries answer so, too, when ${repository ?? 'the repository'} does not exist.`,
    });
  }
  const ended = loginEnd(login);
  if (ended !== undefined) {
    return new DeliveryError('REGISTRY_LOGIN_EXPIRED', {
      message: `The token for the registry ${registry} of ${login.from} ended at ${ended.toISOString()}.`,
      remedy: `Put a new one into ${login.from}, or sign in by an Azure service connection, which renews its tokens.`,
    });
  }
  // What Azure Container Registry says of a user name that is neither its admin's nor an application's.
  if (login.kind === 'password' && /not registered with AAD|admin user is disabled/i.test(message)) {
    return new DeliveryError('REGISTRY_USER_UNKNOWN', {
      message: `The registry ${registry} knows no user ${login.username}: there is no such application or token, and its admin user is off or has another name.`,
      remedy:
        'Sign in by an Azure service connection; or enable the admin user (Settings → Access keys), whose name is that of the registry.',
    });
  }
  return new DeliveryError('REGISTRY_UNAUTHORIZED', {
    message: `The registry ${registry} did not accept ${nameOf(login)} to ${doing}.`,
    remedy: `Renew ${WHAT_TO_RENEW[login.kind]} in ${login.from}.`,
  });
}

const WHAT_TO_RENEW: Readonly<Record<Login['kind'], string>> = {
  password: 'the user name and password or token',
  token: 'the token',
  refreshToken: 'the login',
  azure: 'the identity',
};

function loginEnd(login: Login): Date | undefined {
  if (login.kind === 'token') return endOf(login.token);
  return login.kind === 'refreshToken' ? endOf(login.refreshToken) : undefined;
}

function forbidden({ registry, doing, login }: Asked): DeliveryError {
  const isAzure = login?.kind === 'azure' || /\.azurecr\.(?:io|us|cn)$/.test(registry);
  const remedy = isAzure
    ? 'Grant the role AcrPush (AcrPull to read); in ABAC mode the registry ignores these and wants Container Registry Repository Writer (Reader).'
    : 'Grant this user the right to push to (for a base image, to pull from) the repository; some registries answer so, too, when it does not exist.';
  return new DeliveryError('REGISTRY_FORBIDDEN', {
    message: `The registry ${registry} does not allow ${login === undefined ? 'an anonymous user' : userOf(login)} to ${doing}.`,
    remedy,
  });
}

function userOf(login: Login): string {
  return login.kind === 'password' ? login.username : nameOf(login);
}

/** The words of Azure Container Registry for one who comes from the wrong network. */
function isFirewall({ message }: Refusal): boolean {
  return /client with IP\b.*\bis not allowed access/i.test(message);
}

function shutOut({ message }: Refusal, { registry }: Asked): DeliveryError {
  const address = /client with IP '?([\da-f.:]+?)'? is not/i.exec(message)?.[1];
  return new DeliveryError('REGISTRY_FIREWALL', {
    message: `The firewall of the registry ${registry} keeps this agent out${address === undefined ? '' : `, which comes from ${address}`}.`,
    remedy: 'Allow that address under Networking of the registry, or run on an agent inside its network.',
  });
}

function repositoryMissing({ registry, repository = '' }: Asked): DeliveryError {
  return new DeliveryError('REPOSITORY_NOT_FOUND', {
    message: `The registry ${registry} has no repository ${repository}.`,
    remedy: 'Correct its name, or create it first where the registry does not create repositories by itself.',
  });
}
