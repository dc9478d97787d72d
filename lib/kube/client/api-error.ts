import { DeliveryError } from '../../errors/delivery-error.ts';

/** The `Status` object in which the API server explains a refusal. */
export interface ApiStatus {
  readonly kind?: string;
  readonly code?: number;
  readonly reason?: string;
  readonly message?: string;
  readonly details?: {
    readonly kind?: string;
    readonly name?: string;
    readonly retryAfterSeconds?: number;
    readonly causes?: readonly { readonly reason?: string; readonly message?: string; readonly field?: string }[];
  };
}

/** What was asked of the API server, as people and permissions name it. */
export interface Asked {
  /** `get`, `list`, `watch`, `create`, `patch`, `update`, `delete`: the verb that a Role must allow. */
  readonly verb: string;
  /** `deployments.apps`. */
  readonly resource: string;
  readonly namespace?: string | undefined;
  readonly name?: string | undefined;
}

const MAX_MESSAGE = 600;

/** An answer of the API server other than success. Callers that know better what it means translate it. */
export class ApiError extends Error {
  override readonly name = 'ApiError';
  readonly status: number;
  readonly reply: ApiStatus;
  readonly asked: Asked;

  constructor(status: number, reply: ApiStatus, asked: Asked) {
    super(`${asked.verb} ${describe(asked)}: ${status} ${reply.reason ?? ''} ${brief(reply.message ?? '')}`.trim());
    this.status = status;
    this.reply = reply;
    this.asked = asked;
  }

  /** Whether it was permission that was missing, not an admission check that refused the object. */
  get isForbidden(): boolean {
    return this.status === 403 && /\bcannot \S+ resource\b|^$/.test(this.reply.message ?? '');
  }

  /** Whether the namespace of the object is what is missing; a Namespace that is not there misses none. */
  get missesNamespace(): boolean {
    return this.status === 404 && this.reply.details?.kind === 'namespaces' && this.asked.resource !== 'namespaces';
  }
}

/** `deployments.apps "digits" in namespace shop`. */
export function describe({ resource, namespace, name }: Asked): string {
  const what = name === undefined ? resource : `${resource} "${name}"`;
  return namespace === undefined ? what : `${what} in namespace ${namespace}`;
}

/**
 * The error of a refusal that has the same meaning whatever was asked: `CLUSTER_UNAUTHORIZED`, `CLUSTER_FORBIDDEN`,
 * `NAMESPACE_NOT_FOUND`, else `CLUSTER_REFUSED`.
 */
export function explainRefusal(error: ApiError): DeliveryError {
  const { asked, reply, status } = error;
  if (status === 401) {
    return new DeliveryError('CLUSTER_UNAUTHORIZED', {
      message: `The cluster does not accept the credentials of the Kubernetes connection (asked to ${asked.verb} ${describe(asked)}).`,
      remedy: 'The token or certificate may have expired or been revoked: put a new one into the service connection.',
      cause: error,
    });
  }
  if (error.isForbidden) return forbidden(error);
  if (error.missesNamespace) return namespaceNotFound(asked.namespace ?? reply.details?.name ?? '');
  return new DeliveryError('CLUSTER_REFUSED', {
    message: `The cluster refused to ${asked.verb} ${describe(asked)}: ${status} ${brief(reply.message ?? reply.reason ?? '')}`,
    remedy: 'Correct what the cluster names, then run the task again.',
    cause: error,
  });
}

/** The namespace is not there and no manifest makes it. */
export function namespaceNotFound(namespace: string): DeliveryError {
  return new DeliveryError('NAMESPACE_NOT_FOUND', {
    message: `The cluster has no namespace "${namespace}".`,
    remedy: `Create it (kubectl create namespace ${namespace}), add it to the manifests, or correct the input namespace.`,
  });
}

function forbidden(error: ApiError): DeliveryError {
  const { verb, resource, namespace } = error.asked;
  const user = /User "([^"]*)"/.exec(error.reply.message ?? '')?.[1];
  const where = namespace === undefined ? 'in the whole cluster' : `in namespace ${namespace}`;
  return new DeliveryError('CLUSTER_FORBIDDEN', {
    message: `${user === undefined ? 'The account of the Kubernetes connection' : `"${user}"`} may not ${verb} ${resource} ${where}.`,
    remedy: `Give it a ${namespace === undefined ? 'ClusterRole' : 'Role'} that allows the verb ${verb} on ${resource}; docs/rollout-to-aks.md has one with all that the task needs.`,
    cause: error,
  });
}

/** A message of the server in one line of bounded length. */
export function brief(message: string): string {
  const line = message.replace(/\s+/g, ' ').trim();
  return line.length > MAX_MESSAGE ? `${line.slice(0, MAX_MESSAGE)}…` : line;
}
